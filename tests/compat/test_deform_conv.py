"""Deformable convolution of the stand-in, against samples that grid_sample takes."""

import pytest
import torch
import torch.nn.functional as F

from mmgroupmix.compat import mmcv_operators

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]
#: Stride, padding, dilation, groups and groups of offsets.
GEOMETRIES = [(1, 1, 1, 1, 1), ((2, 1), (0, 2), (1, 2), 2, 1), (1, 0, 1, 2, 4)]
KERNEL = (3, 2)


@pytest.fixture(scope='module')
def ops():
    return pytest.importorskip('mmcv.ops', reason='mmcv is not installed')


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def naive_deform_conv(features, offset, mask, weight, bias, *geometry):
    """Zhu et al., Deformable ConvNets v2, equation 1; maps are 0 outside."""
    stride, padding, dilation = map(pair, geometry[:3])
    groups, offset_groups = geometry[3:]
    height, width = features.shape[2:]
    out_height, out_width = offset.shape[2:]
    parts = features.chunk(offset_groups, dim=1)
    taps = [(i, j) for i in range(weight.size(2)) for j in range(weight.size(3))]
    columns = []
    for group, part in enumerate(parts):
        for tap, (i, j) in enumerate(taps):
            channel = group * len(taps) + tap
            rows = torch.arange(out_height) * stride[0] - padding[0] + i * dilation[0]
            cells = torch.arange(out_width) * stride[1] - padding[1] + j * dilation[1]
            y = rows[:, None] + offset[:, 2 * channel]
            x = cells + offset[:, 2 * channel + 1]
            grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=3)
            samples = F.grid_sample(part, grid, align_corners=True)
            columns.append(samples * mask[:, channel, None])
    columns = torch.stack(columns, dim=2).unflatten(2, (offset_groups, -1))
    # From (B, C / offset_groups, offset_groups, ...) to (B, groups, C / groups, ...).
    columns = columns.transpose(1, 2).flatten(1, 2).unflatten(1, (groups, -1))
    filters = weight.flatten(2).unflatten(0, (groups, -1))
    output = torch.einsum('bgctyx,gdct->bgdyx', columns, filters).flatten(1, 2)
    return output + bias[:, None, None]


def create_example(geometry, device='cpu'):
    """Features, offsets (some far outside), masks, weight and bias, in float64."""
    generator = torch.Generator().manual_seed(0)
    stride, padding, dilation = map(pair, geometry[:3])
    groups, offset_groups = geometry[3:]
    size = [
        (extent + 2 * p - d * (k - 1) - 1) // s + 1
        for extent, k, s, p, d in zip((5, 6), KERNEL, stride, padding, dilation)
    ]
    taps = offset_groups * KERNEL[0] * KERNEL[1]

    def draw(*shape):
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        return values.to(device)

    return [
        draw(2, 4, 5, 6),
        2 * draw(2, 2 * taps, *size),
        draw(2, taps, *size).sigmoid(),
        draw(6, 4 // groups, *KERNEL),
        draw(6),
    ]


def assert_same_gradients(result, expected, inputs):
    torch.testing.assert_close(result, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
    )


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_deformable_convolution_follows_the_definition(geometry, device, ops):
    features, offset, mask, weight, bias = create_example(geometry, device)
    inputs = [t.requires_grad_() for t in (features, offset, weight)]
    expected = naive_deform_conv(
        features, offset, torch.ones_like(mask), weight, torch.zeros_like(bias), *geometry
    )
    result = ops.deform_conv2d(*inputs, *geometry)
    assert_same_gradients(result, expected, inputs)


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('biased', [False, True])
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_modulated_deformable_convolution_follows_the_definition(
    geometry, biased, device, ops
):
    inputs = [tensor.requires_grad_() for tensor in create_example(geometry, device)]
    *inputs, bias = inputs
    expected = naive_deform_conv(
        *inputs, bias if biased else torch.zeros_like(bias), *geometry
    )
    result = ops.modulated_deform_conv2d(*inputs, bias if biased else None, *geometry)
    assert_same_gradients(result, expected, [*inputs, bias] if biased else inputs)


def test_both_pass_gradcheck(ops):
    geometry = (1, 1, 1, 1, 1)
    features, offset, mask, weight, bias = create_example(geometry)
    inputs = [features[:1, :1, :3, :3], offset[:1, :, :3, :4], mask[:1, :, :3, :4]]
    inputs += [weight[:1, :1], bias[:1]]
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(
        lambda *tensors: ops.modulated_deform_conv2d(*tensors, *geometry), inputs
    )
    inputs = [inputs[i] for i in (0, 1, 3)]
    assert torch.autograd.gradcheck(
        lambda *tensors: ops.deform_conv2d(*tensors, *geometry), inputs
    )


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('name, factor', [('DCN', 1), ('DCNv2', 0.5)])
def test_a_new_layer_is_a_convolution(name, factor, device, ops):
    """Its offsets are 0, and its masks the sigmoid of 0."""
    from mmcv.cnn import build_conv_layer

    layer = build_conv_layer(dict(type=name), 4, 6, 3, 2, 1, bias=False).to(device)
    features = torch.randn(2, 4, 9, 8, device=device)
    expected = factor * F.conv2d(features, layer.weight, None, 2, 1)
    torch.testing.assert_close(layer(features), expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_offsets_one_cell_outside_the_map_is_zero(ops):
    """mmcv's ``get_coordinate_weight`` is 0 where a coordinate is <= -1.

    In a map of ones only its last row (and column) has a slope: below it begin zeros.
    """
    features = torch.ones(1, 1, 4, 4)
    offset = torch.zeros(1, 2, 6, 6, requires_grad=True)
    ops.deform_conv2d(features, offset, torch.ones(1, 1, 1, 1), 1, 1).sum().backward()
    expected = torch.zeros(6, 6)
    expected[4, 1:5] = -1
    torch.testing.assert_close(offset.grad[0], torch.stack([expected, expected.T]))


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_result_rounded(dtype, device, ops):
    geometry = GEOMETRIES[1]
    half = [t.to(dtype).requires_grad_() for t in create_example(geometry, device)]
    full = [tensor.detach().float().requires_grad_() for tensor in half]
    result = ops.modulated_deform_conv2d(*half, *geometry)
    expected = ops.modulated_deform_conv2d(*full, *geometry)
    assert result.dtype == dtype
    torch.testing.assert_close(result, expected.to(dtype), rtol=0, atol=0)

    cotangent = torch.ones_like(result)
    gradients = torch.autograd.grad(result, half, cotangent)
    expected_gradients = torch.autograd.grad(expected, full, cotangent.float())
    for gradient, target in zip(gradients, expected_gradients):
        torch.testing.assert_close(gradient, target.to(dtype), rtol=0, atol=0)


def test_gradients_are_added_or_overwritten_as_in_mmcv():
    """mmcv accumulates sums over positions and assigns what belongs to one position."""
    features, offset, mask, weight, bias = create_example((1, 1, 1, 1, 1))
    grad_output = torch.randn(2, 6, *offset.shape[2:], dtype=torch.float64)
    results = []
    for start in (0.0, 1.0):
        gradients = [
            torch.full_like(tensor, start)
            for tensor in (features, weight, bias, offset, mask)
        ]
        scratch = features.new_empty(0)
        mmcv_operators.modulated_deform_conv_backward(
            features, weight, bias, scratch, offset, mask, scratch, *gradients,
            grad_output, kernel_h=3, kernel_w=2, stride_h=1, stride_w=1, pad_h=1,
            pad_w=1, dilation_h=1, dilation_w=1, group=1, deformable_group=1,
            with_bias=True,
        )  # fmt: skip
        results.append(gradients)
    once, onto_ones = results
    for index, added in enumerate([1, 1, 1, 0, 0]):
        torch.testing.assert_close(onto_ones[index], once[index] + added)


def test_of_offsets_larger_than_the_output_the_first_values_are_read(ops):
    """As by mmcv's kernels, which step through them by the size of the output."""
    features, offset, mask, weight, bias = create_example((1, 1, 1, 1, 1))
    larger = [F.pad(tensor, (0, 2, 1, 0), value=0.3) for tensor in (offset, mask)]
    larger = [tensor.requires_grad_() for tensor in larger]
    first = [
        tensor.flatten(1)[:, : part[0].numel()].view(part.shape)
        for tensor, part in zip(larger, (offset, mask))
    ]
    expected = ops.modulated_deform_conv2d(features, *first, weight, bias, 1, 1)
    result = ops.modulated_deform_conv2d(features, *larger, weight, bias, 1, 1)
    assert_same_gradients(result, expected, larger)
