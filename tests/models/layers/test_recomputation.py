"""Layers that keep less for the backward pass have the gradients of plain PyTorch."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.models.layers import depthwise
from mmgroupmix.models.layers.autograd import keep_gradient_dense
from mmgroupmix.models.layers.depthwise import convolve_depthwise
from mmgroupmix.models.layers.recomputation import (
    Linear,
    apply_linear_to_activation,
    apply_linear_to_norm,
    apply_to_batch_norms,
    recompute,
)

TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def differentiate(function, *tensors):
    """Output and gradients of a weighted sum of it."""
    output = function()
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype)
    grads = torch.autograd.grad((output.flatten() * weights).sum(), tensors)
    return output.detach(), *grads


def assert_equal_gradients(function, expected, *tensors):
    pairs = zip(differentiate(function, *tensors), differentiate(expected, *tensors))
    for given, wanted in pairs:
        torch.testing.assert_close(given, wanted, **TOLERANCE)


def count_saved_bytes(function):
    """Bytes of what autograd keeps, apart from leaves."""
    storages = {}

    def pack(tensor):
        if not (tensor.is_leaf and tensor.requires_grad):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = function()
    assert output.requires_grad
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.smoke
@pytest.mark.parametrize(
    'norm',
    [
        nn.LayerNorm(8),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.GroupNorm(1, 8),
        nn.BatchNorm2d(8),
        nn.Identity(),
        None,
    ],
    ids=lambda norm: str(norm),
)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_norm_before_a_linear_layer(norm, dtype):
    norm = norm and norm.to(dtype)
    linear = Linear(8, 12).to(dtype)
    x = torch.randn(2, 3, 4, 8, dtype=dtype, requires_grad=True)
    parameters = [*linear.parameters(), *(norm.parameters() if norm else ())]

    def compute():
        if norm is None or isinstance(norm, (nn.LayerNorm, nn.Identity)):
            normed = norm(x) if norm else x
        else:
            normed = norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return F.linear(normed, linear.weight, linear.bias)

    assert_equal_gradients(
        lambda: apply_linear_to_norm(linear, norm, x), compute, x, *parameters
    )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'act', [nn.GELU(), nn.GELU('tanh'), nn.Hardswish(), nn.SiLU(), nn.PReLU()]
)
def test_an_activation_before_a_linear_layer(act):
    linear = Linear(8, 5)
    x = torch.randn(3, 8, requires_grad=True)
    assert_equal_gradients(
        lambda: apply_linear_to_activation(linear, act, x),
        lambda: F.linear(act(x), linear.weight, linear.bias),
        x,
        *linear.parameters(),
        *act.parameters(),
    )


@pytest.mark.smoke
def test_activations_in_place_are_applied_once():
    linear = Linear(8, 5)
    x = torch.randn(3, 8, requires_grad=True)
    assert_equal_gradients(
        lambda: apply_linear_to_activation(linear, nn.Hardswish(inplace=True), x * 1),
        lambda: F.linear(F.hardswish(x), linear.weight, linear.bias),
        x,
        *linear.parameters(),
    )


@pytest.mark.smoke
def test_only_the_argument_of_the_norm_is_kept():
    linear, norm = Linear(16, 16), nn.LayerNorm(16)
    x = torch.randn(1, 8, 8, 16, requires_grad=True)
    y = x * 1
    kept = count_saved_bytes(lambda: apply_linear_to_norm(linear, norm, y))
    assert kept == y.numel() * y.element_size()
    plain = count_saved_bytes(lambda: F.linear(norm(y), linear.weight, linear.bias))
    assert plain > 2 * kept


@pytest.mark.smoke
def test_hooks_of_a_norm_are_called():
    linear, norm = Linear(8, 8), nn.LayerNorm(8)
    seen = []
    norm.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    apply_linear_to_norm(linear, norm, torch.randn(1, 2, 2, 8))
    assert seen == [(1, 2, 2, 8)]


#: Of the second of two batch norms, what differs from the first.
OTHERS = [None, {}, dict(momentum=0.3), dict(eps=1e-2), dict(affine=False)]


@pytest.mark.smoke
@pytest.mark.parametrize('momentum', [0.1, None])
@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('other', OTHERS, ids=str)
def test_a_function_of_batch_norms(momentum, training, other):
    options = [dict(momentum=momentum)]
    if other is not None:
        options.append(dict(momentum=momentum) | other)
    norms = [nn.BatchNorm2d(6, **kwargs).train(training) for kwargs in options]
    for norm in norms:
        if norm.affine:
            nn.init.normal_(norm.weight)
    copies = copy.deepcopy(norms)
    count = len(norms)
    xs = [torch.randn(2, 5, 7, 6, requires_grad=True) for _ in norms]
    factor = torch.randn(6 * count, requires_grad=True)

    def compute():
        maps = [norm(x.permute(0, 3, 1, 2)) for norm, x in zip(copies, xs)]
        return F.hardswish(torch.cat(maps, 1).permute(0, 2, 3, 1)) * factor

    for _ in range(2):  # running statistics of a second batch, too
        results = differentiate(
            lambda: apply_to_batch_norms(
                lambda y, factor: F.hardswish(y) * factor, norms, xs, factor
            ),
            *xs,
            factor,
            *nn.ModuleList(norms).parameters(),
        )
        parameters = nn.ModuleList(copies).parameters()
        expected = differentiate(compute, *xs, factor, *parameters)
        for given, wanted in zip(results, expected, strict=True):
            torch.testing.assert_close(given, wanted, **TOLERANCE)
    for norm, same in zip(norms, copies):
        for name, buffer in norm.named_buffers():
            torch.testing.assert_close(buffer, same.get_buffer(name))


@pytest.mark.smoke
def test_a_batch_norm_of_which_only_the_bias_is_trained():
    norm = nn.BatchNorm2d(4)
    norm.weight.requires_grad_(False)
    x = torch.randn(2, 3, 3, 4)

    def compute():
        normed = F.batch_norm(
            x.permute(0, 3, 1, 2), None, None, norm.weight, norm.bias, True
        )
        return F.hardswish(normed.permute(0, 2, 3, 1))

    assert_equal_gradients(
        lambda: apply_to_batch_norms(F.hardswish, [norm], [x]), compute, norm.bias
    )


@pytest.mark.smoke
def test_a_single_value_per_channel_is_refused_as_by_pytorch():
    norm, x = nn.BatchNorm2d(4), torch.randn(1, 1, 1, 4, requires_grad=True)
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        apply_to_batch_norms(F.hardswish, [norm], [x])


@pytest.mark.smoke
@pytest.mark.parametrize('sides', [(3, 3), (5, 5), (7, 7), (3, 9), (1, 11), (5, 1)])
@pytest.mark.parametrize('size', [(9, 8), (6, 6), (2, 3), (1, 1)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('small', [0, 2**16])
def test_depthwise_convolutions_of_any_size(sides, size, dtype, small, monkeypatch):
    monkeypatch.setattr(depthwise, 'SMALL', small)
    weight = torch.randn(4, 1, *sides, dtype=dtype, requires_grad=True)
    bias = torch.randn(4, dtype=dtype, requires_grad=True)
    x = torch.randn(2, 4, *size, dtype=dtype, requires_grad=True)
    padding = tuple(side // 2 for side in sides)
    assert_equal_gradients(
        lambda: convolve_depthwise(x, weight, bias),
        lambda: F.conv2d(x, weight, bias, padding=padding, groups=4),
        x,
        weight,
        bias,
    )


@pytest.mark.smoke
def test_gradients_can_be_differentiated():
    torch.manual_seed(0)
    norm, batch_norm = nn.LayerNorm(4).double(), nn.BatchNorm2d(4).double()
    linear = Linear(4, 4).double()
    kernels = torch.randn(4, 1, 5, 5, dtype=torch.double, requires_grad=True)

    def compute(x, kernels, *parameters):
        y = apply_linear_to_norm(linear, norm, x)
        y = apply_to_batch_norms(F.silu, [batch_norm], [y])
        y = convolve_depthwise(y.permute(0, 3, 1, 2), kernels)
        return recompute(torch.tanh, y)

    x = torch.randn(1, 3, 3, 4, dtype=torch.double, requires_grad=True)
    inputs = (x, kernels, *linear.parameters(), *norm.parameters())
    batch_norm.momentum = 0.0
    assert torch.autograd.gradgradcheck(compute, inputs)


@pytest.mark.smoke
def test_the_backward_pass_uses_the_autocast_of_the_forward_pass():
    linear, norm = Linear(32, 32), nn.LayerNorm(32)
    x = torch.randn(1, 4, 4, 32, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        output = apply_linear_to_norm(linear, norm, x)
        expected = F.linear(norm(x), linear.weight, linear.bias)
    assert output.dtype == torch.bfloat16
    tensors = (x, *linear.parameters(), *norm.parameters())
    grads = torch.autograd.grad(output.float().square().sum(), tensors)
    wanted = torch.autograd.grad(expected.float().square().sum(), tensors)
    for given, exact, tensor in zip(grads, wanted, tensors, strict=True):
        assert given.dtype == tensor.dtype
        assert (given - exact).norm() <= 2e-2 * exact.norm()


def test_gradient_of_tokens_is_dense():
    tokens = torch.randn(2, 3, 5, 4, requires_grad=True) * 1
    tokens.retain_grad()
    keep_gradient_dense(tokens)
    gradient = torch.randn(2, 4, 3, 5)
    tokens.permute(0, 3, 1, 2).contiguous().backward(gradient)
    assert tokens.grad.is_contiguous()
    torch.testing.assert_close(tokens.grad, gradient.permute(0, 2, 3, 1), rtol=0, atol=0)
