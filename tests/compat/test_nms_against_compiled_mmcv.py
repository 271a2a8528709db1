"""NMS of the stand-in against mmcv's own, compiled, on random inputs.

The fixture ``compiled`` finds mmcv's operators; ``compile_mmcv_operators.py`` in this
folder compiles them in minutes.
"""

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

from .compiled_mmcv import DEVICES, call, create_generators

pytestmark = pytest.mark.compiled


def random_boxes(kind, number, generator):
    """(N, 4) corners: of scattered objects, clusters of guesses or whole pixels."""

    def draw_normal():
        return torch.randn(number, 2, generator=generator)

    def draw_integers(low, high):
        size = (number, 2)
        return torch.randint(low, high, size, generator=generator).float()

    if kind == 'scattered':
        starts = 1000 * torch.rand(number, 2, generator=generator)
        extents = 1 + 200 * torch.rand(number, 2, generator=generator)
    elif kind == 'clustered':
        groups = max(1, number // 10)
        members = torch.randint(0, groups, (number,), generator=generator)
        centers = 1000 * torch.rand(groups, 2, generator=generator)
        sizes = 10 + 100 * torch.rand(groups, 2, generator=generator)
        starts = centers[members] + 5 * draw_normal()
        extents = sizes[members] * (0.2 * draw_normal()).exp()
    elif kind == 'whole pixels':  # many equal boxes, many IoUs equal to the threshold
        starts, extents = draw_integers(0, 40), draw_integers(1, 12)
    else:  # degenerate: no area, or corners in the wrong order
        starts, extents = draw_integers(0, 20), draw_integers(-3, 6)
    return torch.cat([starts, starts + extents], dim=1)


def distinct_scores(number, generator):
    return torch.randperm(number, generator=generator) / number


def run_both(compiled, boxes, scores, threshold, offset=0):
    """The indices that mmcv keeps and those that the stand-in keeps."""
    arguments = dict(iou_threshold=threshold, offset=offset)
    expected = call(compiled.nms, boxes, scores, **arguments)
    kept = mmcv_operators.nms(boxes, scores, **arguments)
    assert kept.dtype == expected.dtype and kept.device == expected.device
    return expected.tolist(), kept.tolist()


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('kind', ['scattered', 'clustered'])
def test_nms_keeps_the_same_boxes_in_the_same_order(kind, offset, device, compiled):
    for threshold in (0.0, 0.1, 0.3, 0.45, 0.5, 0.6, 0.7, 0.9, 1.0):
        for number, generator in enumerate(create_generators(50), start=1):
            boxes = random_boxes(kind, 6 * number, generator).to(device)
            scores = distinct_scores(6 * number, generator).to(device)
            expected, kept = run_both(compiled, boxes, scores, threshold, offset)
            assert kept == expected


# Only on a CPU: on a GPU mmcv multiplies by the union where torchvision divides by it, so
# that an IoU that equals the threshold may be rounded to either side.
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('kind', ['whole pixels', 'degenerate'])
def test_nms_agrees_at_the_threshold_and_on_degenerate_boxes(kind, offset, compiled):
    for threshold in (0.0, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 0.7, 0.75, 1.0):
        for number, generator in enumerate(create_generators(50), start=1):
            boxes = random_boxes(kind, 6 * number, generator)
            scores = distinct_scores(6 * number, generator)
            expected, kept = run_both(compiled, boxes, scores, threshold, offset)
            assert kept == expected


def test_nms_visits_boxes_of_equal_score_in_the_order_of_their_index(compiled):
    """mmcv's sort leaves open the order of equal scores, and with it which are kept.

    The stand-in visits the first of them first. So mmcv must keep the same boxes if equal
    scores are replaced by ones that decrease with the index.
    """
    for generator in create_generators(100):
        boxes = random_boxes('clustered', 200, generator)
        scores = torch.randint(0, 10, (200,), generator=generator) / 10
        ranks = torch.empty(200)
        ranks[scores.sort(descending=True, stable=True).indices] = torch.arange(200.0)
        expected = compiled.nms(boxes, -ranks, iou_threshold=0.5, offset=0)
        kept = mmcv_operators.nms(boxes, scores, iou_threshold=0.5, offset=0)
        assert kept.tolist() == expected.tolist()


def test_nms_of_repeated_boxes_keeps_the_same_corners(compiled):
    """Whichever of several equal boxes is kept, its corners are the same."""
    for generator in create_generators(100):
        boxes = random_boxes('clustered', 60, generator).repeat(3, 1)
        scores = distinct_scores(60, generator).repeat(3)
        expected, kept = run_both(compiled, boxes, scores, 0.5)
        torch.testing.assert_close(boxes[kept], boxes[expected], rtol=0, atol=0)


def test_nms_in_float64_keeps_the_boxes_that_mmcv_keeps_in_float32(compiled):
    """On a CPU mmcv supports float32 only; the corners are exact in both types."""
    for generator in create_generators(100):
        boxes = random_boxes('whole pixels', 100, generator)
        scores = distinct_scores(100, generator)
        expected = compiled.nms(boxes, scores, iou_threshold=0.55, offset=0)
        kept = mmcv_operators.nms(boxes.double(), scores.double(), 0.55, 0)
        assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize('device', DEVICES)
def test_nms_of_no_boxes_agrees(device, compiled):
    boxes, scores = torch.empty(0, 4, device=device), torch.empty(0, device=device)
    assert run_both(compiled, boxes, scores, threshold=0.5) == ([], [])
