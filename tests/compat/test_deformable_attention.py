"""Deformable attention of the stand-in, against loops over single samples."""

import itertools
import math

import pytest
import torch

from mmgroupmix.compat import mmcv_operators
from mmgroupmix.compat.mmcv_ext import StandInModule

SHAPES = torch.tensor([[3, 4], [2, 2]])
STARTS = torch.tensor([0, 12])
BATCH, QUERIES, HEADS, POINTS, CHANNELS = 2, 3, 2, 2, 3
DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


@pytest.fixture
def mmcv_attention():
    """mmcv's module of the attention, on top of the stand-in."""
    pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    from mmcv.ops import multi_scale_deform_attn

    if not isinstance(multi_scale_deform_attn.ext_module, StandInModule):
        pytest.skip('this mmcv has compiled operators')
    return multi_scale_deform_attn


def naive_attention(value, shapes, starts, locations, weights):
    """Zhu et al., Deformable DETR, equation 3, with maps that are 0 outside."""
    batch, queries, heads, _, points, _ = locations.shape
    attended = []
    for b, q, m in itertools.product(range(batch), range(queries), range(heads)):
        total = value.new_zeros(value.size(3))
        for level, (height, width) in enumerate(shapes.tolist()):
            plane = value[b, starts[level] :, m]
            for p in range(points):
                x, y = locations[b, q, m, level, p]
                sample = bilinear(plane, height, width, y * height - 0.5, x * width - 0.5)
                total = total + weights[b, q, m, level, p] * sample
        attended.append(total)
    return torch.stack(attended).view(batch, queries, -1)


def bilinear(plane, height, width, y, x):
    value = plane.new_zeros(plane.size(1))
    top, left = math.floor(y), math.floor(x)
    for row, column in itertools.product((top, top + 1), (left, left + 1)):
        if 0 <= row < height and 0 <= column < width:
            weight = (1 - (y - row).abs()) * (1 - (x - column).abs())
            value = value + weight * plane[row * width + column]
    return value


def create_example(dtype=torch.float64, device='cpu', batch=BATCH, queries=QUERIES):
    """Value, locations (some outside the maps) and weights."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch, queries, HEADS, len(SHAPES), POINTS)
    value = torch.randn(
        batch, 16, HEADS, CHANNELS, generator=generator, dtype=torch.float64
    )
    locations = (
        1.6 * torch.rand(*shape, 2, generator=generator, dtype=torch.float64) - 0.3
    )
    weights = torch.rand(shape, generator=generator, dtype=torch.float64)
    return [tensor.to(device, dtype) for tensor in (value, locations, weights)]


def forward(value, locations, weights, shapes=SHAPES, starts=STARTS):
    return mmcv_operators.ms_deform_attn_forward(
        value,
        shapes.to(value.device),
        starts.to(value.device),
        locations,
        weights,
        im2col_step=64,
    )


def backward(value, locations, weights, grad_output, gradients):
    mmcv_operators.ms_deform_attn_backward(
        value,
        SHAPES.to(value.device),
        STARTS.to(value.device),
        locations,
        weights,
        grad_output,
        *gradients,
        im2col_step=64,
    )


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
def test_attention_and_its_gradients_follow_the_definition(device):
    inputs = [tensor.requires_grad_() for tensor in create_example()]
    value, locations, weights = inputs
    expected = naive_attention(value, SHAPES, STARTS, locations, weights)
    cotangent = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, inputs, cotangent)

    inputs = [tensor.detach().to(device) for tensor in inputs]
    gradients = [torch.zeros_like(tensor) for tensor in inputs]
    torch.testing.assert_close(forward(*inputs).cpu(), expected.detach())
    backward(*inputs, cotangent.to(device), gradients)
    for gradient, target in zip(gradients, expected_gradients):
        torch.testing.assert_close(gradient.cpu(), target)


@pytest.mark.smoke
def test_attention_passes_gradcheck_through_mmcv(mmcv_attention):
    inputs = [tensor.requires_grad_() for tensor in create_example()]
    assert torch.autograd.gradcheck(
        lambda value, locations, weights: (
            mmcv_attention.MultiScaleDeformableAttnFunction.apply(
                value, SHAPES, STARTS, locations, weights, 64
            )
        ),
        inputs,
    )


def test_attention_equals_that_of_mmcv_on_the_cpu(mmcv_attention):
    inputs = [tensor.requires_grad_() for tensor in create_example(torch.float32)]
    value, locations, weights = inputs
    expected = mmcv_attention.multi_scale_deformable_attn_pytorch(
        value, SHAPES, locations, weights
    )
    attended = mmcv_attention.MultiScaleDeformableAttnFunction.apply(
        value, SHAPES, STARTS, locations, weights, 64
    )
    torch.testing.assert_close(attended, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(attended, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_layer_of_mmcv_computes_the_same_on_gpu_and_cpu(mmcv_attention):
    torch.manual_seed(0)
    layer = mmcv_attention.MultiScaleDeformableAttention(
        embed_dims=16,
        num_heads=HEADS,
        num_levels=len(SHAPES),
        num_points=POINTS,
        dropout=0.0,
        batch_first=True,
    )
    query, value = torch.randn(BATCH, QUERIES, 16), torch.randn(BATCH, 16, 16)
    points = torch.rand(BATCH, QUERIES, len(SHAPES), 2)
    results = []
    for device in ('cpu', 'cuda'):
        layer = layer.to(device)
        layer.zero_grad()
        attended = layer(
            query.to(device),
            value=value.to(device),
            reference_points=points.to(device),
            spatial_shapes=SHAPES.to(device),
            level_start_index=STARTS.to(device),
        )
        attended.square().sum().backward()
        gradients = [parameter.grad.cpu() for parameter in layer.parameters()]
        results.append([attended.detach().cpu(), *gradients])
    for on_cpu, on_gpu in zip(*results):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_result_rounded(dtype, device):
    inputs = create_example(dtype, device)
    full = [tensor.float() for tensor in inputs]
    attended, expected = forward(*inputs), forward(*full)
    assert attended.dtype == dtype
    # At most half a unit in the last place, and what two computations may differ by.
    rounding = torch.finfo(dtype).eps / 2 + 1e-6
    torch.testing.assert_close(attended.float(), expected, rtol=rounding, atol=1e-6)

    gradients = [torch.zeros_like(tensor) for tensor in inputs]
    expected_gradients = [torch.zeros_like(tensor) for tensor in full]
    backward(*inputs, torch.ones_like(attended), gradients)
    backward(*full, torch.ones_like(expected), expected_gradients)
    # On a GPU the samples of a cell are added in an arbitrary order.
    tolerance = rounding if device == 'cpu' else torch.finfo(dtype).eps
    for gradient, target in zip(gradients, expected_gradients):
        assert gradient.dtype == dtype
        torch.testing.assert_close(gradient.float(), target, rtol=tolerance, atol=1e-6)


def test_the_gradient_of_the_value_is_added_and_the_others_are_written():
    inputs = create_example()
    grad_output = torch.ones_like(forward(*inputs))
    once = [torch.zeros_like(tensor) for tensor in inputs]
    onto_ones = [torch.ones_like(tensor) for tensor in inputs]
    for gradients in (once, onto_ones):
        backward(*inputs, grad_output, gradients)
    assert all(gradient.abs().max() > 0 for gradient in once)
    torch.testing.assert_close(onto_ones[0], once[0] + 1)
    torch.testing.assert_close(onto_ones[1:], once[1:])


def test_levels_are_located_by_their_start_index():
    value, locations, weights = create_example()
    moved = torch.cat([value[:, 12:], value[:, :12]], dim=1)
    torch.testing.assert_close(
        forward(moved, locations, weights, starts=torch.tensor([4, 0])),
        forward(value, locations, weights),
    )


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('batch, queries', [(0, 3), (2, 0)])
def test_without_queries_the_output_is_empty_and_the_gradient_zero(
    batch, queries, device
):
    inputs = create_example(batch=batch, queries=queries, device=device)
    attended = forward(*inputs)
    assert attended.shape == (batch, queries, HEADS * CHANNELS)
    gradients = [torch.zeros_like(tensor) for tensor in inputs]
    backward(*inputs, attended, gradients)
    assert gradients[0].count_nonzero() == 0
