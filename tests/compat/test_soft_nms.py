"""Soft-NMS of the stand-in, against loops over single boxes."""

import math

import pytest
import torch

pytestmark = pytest.mark.smoke

FACTORS = {
    'naive': lambda iou: 0 if iou >= 0.3 else 1,
    'linear': lambda iou: 1 - iou if iou >= 0.3 else 1,
    'gaussian': lambda iou: math.exp(-(iou**2) / 0.5),
}


@pytest.fixture(scope='module')
def ops():
    return pytest.importorskip('mmcv.ops', reason='mmcv is not installed')


def naive_soft_nms(boxes, scores, factor, offset, min_score=1e-3):
    """Bodla et al., Soft-NMS, figure 2, in float64."""
    remaining = {i: (box, s) for i, (box, s) in enumerate(zip(boxes, scores))}
    kept = []
    while remaining:
        best = max(remaining, key=lambda i: remaining[i][1])
        box, score = remaining.pop(best)
        kept.append((best, score))
        for i, (other, s) in list(remaining.items()):
            remaining[i] = (other, s * factor(iou(box, other, offset)))
            if remaining[i][1] < min_score:
                del remaining[i]
    return kept


def iou(a, b, offset):
    def area(x1, y1, x2, y2):
        return max(x2 - x1 + offset, 0) * max(y2 - y1 + offset, 0)

    shared = area(*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:]))
    return shared / (area(*a) + area(*b) - shared)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', FACTORS)
def test_soft_nms_follows_the_definition(method, offset, ops):
    generator = torch.Generator().manual_seed(0)
    corners = 20 * torch.rand(30, 2, generator=generator)
    sizes = 5 + 20 * torch.rand(30, 2, generator=generator)
    boxes = torch.cat([corners, corners + sizes], dim=1)
    scores = torch.rand(30, generator=generator)
    expected = naive_soft_nms(boxes.tolist(), scores.tolist(), FACTORS[method], offset)

    dets, indices = ops.soft_nms(boxes, scores, method=method, offset=offset)
    assert indices.tolist() == [i for i, _ in expected]
    torch.testing.assert_close(dets[:, :4], boxes[indices])
    torch.testing.assert_close(dets[:, 4], torch.tensor([s for _, s in expected]))


def test_no_boxes_give_no_detections(ops):
    dets, indices = ops.soft_nms(torch.empty(0, 4), torch.empty(0))
    assert (dets.shape, indices.shape) == ((0, 5), (0,))


def test_detectors_select_it_by_type(ops):
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]])
    scores, labels = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 0, 1])
    dets, kept = ops.batched_nms(
        boxes, scores, labels, dict(type='soft_nms', iou_threshold=0.5)
    )
    assert kept.tolist() == [0, 2, 1]
    torch.testing.assert_close(dets[:, 4], torch.tensor([0.9, 0.7, 0.8 * 0.1]))
