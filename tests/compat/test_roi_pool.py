"""RoIPool of the stand-in, against loops over the cells of every bin."""

import math

import pytest
import torch

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]
SIZE = (3, 2)
SCALE = 0.5


@pytest.fixture(scope='module')
def ops():
    return pytest.importorskip('mmcv.ops', reason='mmcv is not installed')


def naive_roi_pool(features, rois):
    """Girshick, Fast R-CNN, section 2.1; as in mmcv a region includes its last pixel."""
    pooled = []
    for batch, *corners in rois.tolist():
        x1, y1, x2, y2 = (
            c * SCALE for c in (*corners[:2], corners[2] + 1, corners[3] + 1)
        )
        for i in range(SIZE[0]):
            top, bottom = (y1 + (i + k) * (y2 - y1) / SIZE[0] for k in (0, 1))
            for j in range(SIZE[1]):
                left, right = (x1 + (j + k) * (x2 - x1) / SIZE[1] for k in (0, 1))
                rows = slice(max(math.floor(top), 0), max(math.ceil(bottom), 0))
                columns = slice(max(math.floor(left), 0), max(math.ceil(right), 0))
                cells = features[int(batch), :, rows, columns].flatten(1)
                if x2 <= x1 or y2 <= y1 or not cells.size(1):
                    pooled.append(features.new_zeros(features.size(1)))
                else:
                    pooled.append(cells.max(dim=1).values)
    pooled = torch.stack(pooled).view(len(rois), *SIZE, features.size(1))
    return pooled.permute(0, 3, 1, 2)


def create_example(dtype=torch.float64, device='cpu'):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 9, 8, generator=generator, dtype=torch.float64)
    rois = torch.tensor(
        [
            [0, 1.3, 2.1, 11.7, 16.4],
            [1, 3.2, 0.6, 8.9, 5.3],
            [1, 4.0, 6.0, 4.0, 6.0],  # one pixel: bins share a cell
            [1, -5.0, -7.0, 6.5, 4.5],  # across the border
            [0, 10.0, 12.0, 24.0, 26.0],
            [0, 40.0, 40.0, 50.0, 50.0],  # outside
            [1, 9.0, 9.0, 5.0, 12.0],  # corners exchanged
        ]
    )
    return features.to(device, dtype), rois.to(device, dtype)


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
def test_roi_pool_and_its_gradient_follow_the_definition(device, ops):
    features, rois = create_example(device=device)
    features.requires_grad_()
    expected = naive_roi_pool(features, rois)
    pooled = ops.RoIPool(SIZE, SCALE)(features, rois)
    torch.testing.assert_close(pooled, expected)

    cotangent = torch.randn_like(expected)
    (expected_gradient,) = torch.autograd.grad(expected, features, cotangent)
    (gradient,) = torch.autograd.grad(pooled, features, cotangent)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_result_rounded(dtype, device, ops):
    features, rois = create_example(dtype, device)
    features.requires_grad_()
    full = features.detach().float().requires_grad_()
    pooled = ops.RoIPool(SIZE, SCALE)(features, rois)
    expected = ops.RoIPool(SIZE, SCALE)(full, rois.float())
    torch.testing.assert_close(pooled, expected.to(dtype), rtol=0, atol=0)
    pooled.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(features.grad, full.grad.to(dtype), rtol=0, atol=0)


def test_of_equal_cells_the_first_receives_the_gradient(ops):
    """As in mmcv; after a ReLU many cells are 0."""
    features = torch.zeros(1, 1, 4, 4, requires_grad=True)
    rois = torch.tensor([[0.0, 1, 1, 2, 2]])
    ops.RoIPool(1)(features, rois).sum().backward()
    assert features.grad.nonzero().tolist() == [[0, 0, 1, 1]]


def test_without_regions_the_output_is_empty_and_the_gradient_zero(ops):
    features, rois = create_example()
    features.requires_grad_()
    pooled = ops.RoIPool(SIZE, SCALE)(features, rois[:0])
    assert pooled.shape == (0, 3, *SIZE)
    pooled.sum().backward()
    assert features.grad.abs().max() == 0
