"""Linear layers and convolutions in oneDNN's layout compute what PyTorch's compute."""

import pytest
import torch
from torch import nn

from mmgroupmix.models.layers.packed import (
    ACTIVATIONS,
    PackedConv2d,
    PackedLinear,
    find_activation,
    is_packable,
    pack_convolution,
    pack_layers,
    pack_linear,
)

MODULES = {
    'none': nn.Identity(),
    'gelu': nn.GELU(),
    'hardswish': nn.Hardswish(),
    'relu': nn.ReLU(),
    'silu': nn.SiLU(),
}


@pytest.mark.smoke
@pytest.mark.parametrize('name', ACTIVATIONS)
@pytest.mark.parametrize('bias', [True, False])
def test_a_linear_layer_and_its_activation(name, bias):
    linear = nn.Linear(12, 20, bias=bias)
    x = 3 * torch.randn(2, 5, 7, 12)
    expected = MODULES[name](linear(x)).detach()
    assert find_activation(MODULES[name]) == (None if name == 'none' else name)
    with torch.no_grad():
        output = pack_linear(linear, name)(x)
        torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
        strided = pack_linear(linear, name)(torch.cat([x, x], dim=-1)[..., :12])
        torch.testing.assert_close(strided, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('name', ACTIVATIONS)
@pytest.mark.parametrize(
    'options',
    [
        dict(kernel_size=1),
        dict(kernel_size=1, stride=2),
        dict(kernel_size=1, groups=2),
        dict(kernel_size=3, stride=2, padding=1),
        dict(kernel_size=(5, 3), padding=(2, 1), groups=8),
        dict(kernel_size=3, dilation=2, groups=2, bias=False),
    ],
)
def test_a_convolution_and_its_activation(name, options):
    conv = nn.Conv2d(8, 16, **options)
    x = torch.randn(2, 8, 9, 11)
    expected = MODULES[name](conv(x)).detach()
    packed = pack_convolution(conv, name)
    assert isinstance(packed, PackedConv2d)
    with torch.no_grad():
        for layout in (x, x.contiguous(memory_format=torch.channels_last)):
            torch.testing.assert_close(packed(layout), expected, rtol=1e-5, atol=1e-5)


def test_convolutions_without_zeros_around_the_map_stay_as_they_are():
    reflecting = nn.Conv2d(3, 3, 3, padding=1, padding_mode='reflect')
    assert pack_convolution(reflecting) is reflecting


@pytest.mark.smoke
def test_parts_are_dense_and_have_activations_of_their_own():
    linear = nn.Linear(6, 12)
    layer = PackedLinear(linear.weight, linear.bias, ('none', 'hardswish', 'relu'))
    x = torch.randn(4, 6)
    first, second, third = linear(x).detach().chunk(3, dim=-1)
    expected = [first, nn.functional.hardswish(second), third.relu()]
    with torch.no_grad():
        parts = layer.compute_parts(x)
    for part, wanted in zip(parts, expected, strict=True):
        assert part.is_contiguous()
        torch.testing.assert_close(part, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_a_change_of_the_weights_is_seen():
    layer = pack_linear(nn.Linear(4, 4))
    x = torch.randn(3, 4)
    with torch.inference_mode():
        before = layer(x)
    layer.load_state_dict({key: 2 * value for key, value in layer.state_dict().items()})
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), 2 * before)
        double = layer.double()(x.double())
        torch.testing.assert_close(double.float(), 2 * before, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_another_precision_is_refused_as_by_pytorch():
    layer = pack_linear(nn.Linear(4, 4))
    with torch.no_grad(), pytest.raises(RuntimeError, match='same dtype'):
        layer(torch.ones(1, 4, dtype=torch.bfloat16))


@pytest.mark.smoke
def test_layers_with_hooks_stay_as_they_are():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    seen = []
    model[0].register_forward_hook(lambda *arguments: seen.append(1))
    pack_layers(model)
    assert [type(layer) for layer in model] == [nn.Linear, PackedLinear]
    model(torch.ones(1, 2))
    assert seen == [1]


@pytest.mark.smoke
def test_layers_in_use_can_be_copied(copy_module):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(2), nn.Linear(6, 5)).eval()
    pack_layers(model)
    assert [type(m) for m in model] == [PackedConv2d, nn.Flatten, PackedLinear]
    x = torch.randn(2, 3, 2, 3)
    with torch.no_grad():
        torch.testing.assert_close(copy_module(model)(x), model(x))
        torch.testing.assert_close(copy_module(model)(x), model(x))


@pytest.mark.smoke
def test_gradients_of_the_input_are_right():
    linear = nn.Linear(4, 6)
    layer = pack_linear(linear, 'gelu')
    x = torch.randn(3, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(nn.functional.gelu(linear(x)).sum(), x)
    (grad,) = torch.autograd.grad(layer(x).sum(), x)
    torch.testing.assert_close(grad, expected)


@pytest.mark.smoke
def test_autocast_computes_in_its_own_precision():
    linear = nn.Linear(32, 16)
    layer = pack_linear(linear)
    x = torch.randn(8, 32)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        output, expected = layer(x), linear(x)
    assert output.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(output, expected, rtol=2e-2, atol=2e-2)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), linear(x), rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_other_tensors_take_the_usual_functions():
    x = torch.ones(1, 1)
    assert is_packable(x, x)
    for other in (
        torch.ones(1, 1, dtype=torch.float64),
        torch.ones(0, 1),
        torch.ones(1, 1, device='meta'),
        torch.ones(1, 1, requires_grad=True),
    ):
        assert not is_packable(other, x)
    assert not is_packable(x, torch.ones(1, 1, requires_grad=True))
    assert not is_packable(x, x, torch.ones(1, requires_grad=True))
    with torch.backends.mkldnn.flags(enabled=False):
        assert not is_packable(x, x)
    empty = pack_linear(nn.Linear(3, 2))(torch.ones(0, 3))
    assert empty.shape == (0, 2)
