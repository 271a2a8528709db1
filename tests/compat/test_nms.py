"""NMS of the stand-in for mmcv's operators, against loops over pairs of boxes."""

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def naive_nms(boxes, scores, threshold, offset):
    boxes, scores = boxes.tolist(), scores.tolist()
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(compute_iou(boxes[i], boxes[j], offset) <= threshold for j in kept):
            kept.append(i)
    return kept


def compute_iou(a, b, offset):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def create_boxes(number, seed=0):
    """Boxes with corners on a grid of 1/8, and distinct scores."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.randint(0, 80, (number, 2), generator=generator)
    extents = torch.randint(8, 80, (number, 2), generator=generator)
    scores = (1 + torch.randperm(number, generator=generator)) / 64
    return torch.cat([corners, corners + extents], dim=1) / 8, scores


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.2, 0.55])
def test_nms_keeps_the_boxes_of_the_naive_loop(threshold, offset, device):
    for seed in range(5):
        boxes, scores = create_boxes(50, seed)
        kept = mmcv_operators.nms(
            boxes.to(device), scores.to(device), iou_threshold=threshold, offset=offset
        )
        assert kept.tolist() == naive_nms(boxes, scores, threshold, offset)
        assert kept.dtype == torch.int64
        assert kept.device.type == device


def test_with_the_offset_corners_are_inclusive_pixels():
    boxes = torch.tensor([[0.0, 0, 1, 1], [1, 0, 2, 1]])
    scores = torch.tensor([0.9, 0.8])
    # 0 / 2 without the offset, 2 / 6 with it
    assert len(mmcv_operators.nms(boxes, scores, 0.3, offset=0)) == 2
    assert len(mmcv_operators.nms(boxes, scores, 0.3, offset=1)) == 1


@pytest.mark.parametrize('tenths', range(1, 10))
def test_a_box_at_exactly_the_threshold_is_kept(tenths):
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, tenths, 1]])
    scores = torch.tensor([0.9, 0.8])
    assert len(mmcv_operators.nms(boxes, scores, tenths / 10, offset=0)) == 2
    assert len(mmcv_operators.nms(boxes, scores, tenths / 10 - 0.01, offset=0)) == 1


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_nms_supports_other_float_types(dtype, device):
    boxes, scores = create_boxes(50)
    boxes, scores = boxes.to(device, dtype), scores.to(device, dtype)
    kept = mmcv_operators.nms(boxes, scores, 0.4, offset=0)
    assert kept.tolist() == naive_nms(boxes, scores, 0.4, offset=0)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_nms_of_no_boxes_keeps_none(dtype):
    kept = mmcv_operators.nms(
        torch.empty(0, 4, dtype=dtype), torch.empty(0, dtype=dtype), 0.5, offset=0
    )
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64


@pytest.mark.smoke
def test_nms_works_through_mmcv():
    ops = pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    boxes, scores = create_boxes(50)
    detections, kept = ops.nms(
        boxes, scores, 0.4, score_threshold=scores.median().item(), max_num=5
    )
    good = scores > scores.median()
    expected = good.nonzero()[:, 0][naive_nms(boxes[good], scores[good], 0.4, 0)][:5]
    torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(
        detections, torch.cat([boxes[kept], scores[kept, None]], dim=1)
    )


def test_batched_nms_suppresses_within_a_class_only():
    ops = pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    boxes, scores = create_boxes(60)
    classes = torch.arange(60) % 3
    _, kept = ops.batched_nms(boxes, scores, classes, dict(type='nms', iou_threshold=0.4))
    expected = []
    for label in range(3):
        members = (classes == label).nonzero()[:, 0]
        expected += members[naive_nms(boxes[members], scores[members], 0.4, 0)].tolist()
    assert sorted(kept.tolist()) == sorted(expected)
    assert scores[kept].diff().max() <= 0
