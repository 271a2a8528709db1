"""RoIAlign of the stand-in for mmcv's operators, against the published definition."""

import itertools
import math
import sys

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

SIZE = (3, 2)
SCALE = 0.5
CASES = list(itertools.product((True, False), (0, 2), ('avg', 'max')))
DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def naive_roi_align(features, rois, sampling_ratio, mode, aligned):
    """He et al., Mask R-CNN, section 3: bilinear samples, no rounding anywhere."""
    pooled = []
    for batch, *corners in rois.tolist():
        x1, y1, x2, y2 = (c * SCALE - (0.5 if aligned else 0) for c in corners)
        extents = [y2 - y1, x2 - x1]
        if not aligned:
            extents = [max(extent, 1) for extent in extents]
        (bin_h, bin_w) = (extent / bins for extent, bins in zip(extents, SIZE))
        rows = sampling_ratio or math.ceil(bin_h)
        columns = sampling_ratio or math.ceil(bin_w)
        for i, j in itertools.product(range(SIZE[0]), range(SIZE[1])):
            samples = [
                bilinear(
                    features[int(batch)],
                    y1 + (i + (m + 0.5) / rows) * bin_h,
                    x1 + (j + (n + 0.5) / columns) * bin_w,
                )
                for m in range(rows)
                for n in range(columns)
            ]
            if not samples:
                pooled.append(features.new_zeros(features.size(1)))
            elif mode == 'avg':
                pooled.append(torch.stack(samples).mean(dim=0))
            else:
                pooled.append(torch.stack(samples).amax(dim=0))
    pooled = torch.stack(pooled).view(len(rois), *SIZE, features.size(1))
    return pooled.permute(0, 3, 1, 2)


def bilinear(plane, y, x):
    height, width = plane.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return plane.new_zeros(plane.size(0))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    value = 0
    for row in {math.floor(y), math.ceil(y)}:
        for column in {math.floor(x), math.ceil(x)}:
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            value = value + weight * plane[:, row, column]
    return value


def create_example(dtype=torch.float64, device='cpu'):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 9, 8, generator=generator, dtype=torch.float64)
    rois = torch.tensor(
        [
            [0, 1.3, 2.1, 11.7, 16.4],
            [1, 3.2, 0.6, 8.9, 5.3],  # bins smaller than a cell
            [1, -5.0, -7.0, 6.5, 4.5],  # across the border
            [0, 10.0, 12.0, 24.0, 26.0],
            [0, 40.0, 40.0, 50.0, 50.0],  # outside
            [1, 5.0, 6.0, 5.0, 6.0],  # no extent
        ]
    )
    return features.to(device, dtype), rois.to(device, dtype)


def run(features, rois, sampling_ratio, mode, aligned):
    ops = pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    layer = ops.RoIAlign(SIZE, SCALE, sampling_ratio, mode, aligned)
    return layer(features, rois)


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('aligned, sampling_ratio, mode', CASES)
def test_roi_align_and_its_gradient_follow_the_definition(
    aligned, sampling_ratio, mode, device
):
    features, rois = create_example(device=device)
    features.requires_grad_()
    expected = naive_roi_align(features, rois, sampling_ratio, mode, aligned)
    pooled = run(features, rois, sampling_ratio, mode, aligned)
    torch.testing.assert_close(pooled, expected)

    cotangent = torch.randn_like(expected)
    (expected_gradient,) = torch.autograd.grad(expected, features, cotangent)
    (gradient,) = torch.autograd.grad(pooled, features, cotangent)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('aligned, sampling_ratio, mode', CASES)
def test_roi_align_passes_gradcheck(aligned, sampling_ratio, mode):
    features, rois = create_example()
    features = features[:, :1].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: run(x, rois, sampling_ratio, mode, aligned), features
    )


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_result_rounded(dtype, mode, device):
    features, rois = create_example(dtype, device)
    features.requires_grad_()
    full = features.detach().float().requires_grad_()
    pooled = run(features, rois, 2, mode, True)
    expected = run(full, rois.float(), 2, mode, True)
    assert pooled.dtype == dtype
    torch.testing.assert_close(pooled, expected.to(dtype), rtol=0, atol=0)

    pooled.sum().backward()
    expected.sum().backward()
    assert features.grad.dtype == dtype
    # With 'max' the coordinates of the maxima are stored in half precision, as in mmcv.
    tolerance = torch.finfo(dtype).eps * (16 if mode == 'max' else 1)
    torch.testing.assert_close(
        features.grad.float(), full.grad, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_without_regions_the_output_is_empty_and_the_gradient_zero(dtype, mode):
    features, rois = create_example(dtype)
    features.requires_grad_()
    pooled = run(features, rois[:0], 0, mode, True)
    assert pooled.shape == (0, 3, *SIZE)
    pooled.sum().backward()
    assert features.grad.abs().max() == 0


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_the_memory_layout_of_the_feature_map_does_not_matter(mode):
    features, rois = create_example()
    channels_last = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        run(channels_last, rois, 2, mode, True), run(features, rois, 2, mode, True)
    )


def test_max_pooling_reports_where_the_maximum_was():
    features = torch.zeros(1, 1, 8, 8)
    features[0, 0, 5, 2] = 1
    output, argmax_y, argmax_x = (torch.empty(1, 1, 1, 1) for _ in range(3))
    mmcv_operators.roi_align_forward(
        features,
        torch.tensor([[0.0, 0, 0, 8, 8]]),
        output,
        argmax_y,
        argmax_x,
        aligned_height=1,
        aligned_width=1,
        spatial_scale=1.0,
        sampling_ratio=8,
        pool_mode=0,
        aligned=True,
    )
    assert (output.item(), argmax_y.item(), argmax_x.item()) == (1, 5, 2)


@pytest.mark.parametrize('pool_mode', [0, 1])
def test_the_gradient_is_added_to_what_is_there(pool_mode):
    features, rois = create_example()
    shape = (len(rois), 3, *SIZE)
    arguments = dict(
        aligned_height=SIZE[0],
        aligned_width=SIZE[1],
        spatial_scale=SCALE,
        sampling_ratio=2,
        pool_mode=pool_mode,
        aligned=True,
    )
    output, argmax_y, argmax_x = (features.new_zeros(shape) for _ in range(3))
    mmcv_operators.roi_align_forward(
        features, rois, output, argmax_y, argmax_x, **arguments
    )
    once, onto_ones = torch.zeros_like(features), torch.ones_like(features)
    for gradient in (once, onto_ones):
        mmcv_operators.roi_align_backward(
            torch.ones_like(output), rois, argmax_y, argmax_x, gradient, **arguments
        )
    assert once.abs().max() > 0
    torch.testing.assert_close(onto_ones, once + 1)


def test_an_error_names_a_torchvision_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    with pytest.raises(ImportError, match='torch and torchvision together.*pip install'):
        mmcv_operators.nms(torch.rand(3, 4), torch.rand(3), 0.5, offset=0)
