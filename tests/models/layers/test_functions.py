"""Gradients that are written out are those of autograd."""

import pytest
import torch
from torch import nn

from mmgroupmix.models.layers.functions import (
    Activation,
    Chain,
    ChannelNorm,
    GroupNorm,
)
from mmgroupmix.models.layers.separable_conv import TokenConv
from mmgroupmix.models.token_mixers.proxy_attention import ProxyAttention

FUNCTIONS = {
    'GELU': (Activation(nn.GELU()), [(2, 3, 4, 8)]),
    'GELU, tanh': (Activation(nn.GELU('tanh')), [(2, 3, 4, 8)]),
    'Hardswish': (Activation(nn.Hardswish()), [(2, 3, 4, 8)]),
    'ReLU': (Activation(nn.ReLU()), [(2, 3, 4, 8)]),
    'SiLU': (Activation(nn.SiLU()), [(2, 3, 4, 8)]),
    'layer norm': (ChannelNorm([8], 1e-5), [(2, 3, 4, 8), (8,), (8,)]),
    'layer norm without bias': (ChannelNorm([8], 1e-5), [(2, 3, 4, 8), (8,)]),
    'layer norm without both': (ChannelNorm([8], 1e-5), [(2, 3, 4, 8)]),
    'group norm': (GroupNorm(2, 1e-5), [(2, 3, 4, 8), (8,), (8,)]),
    'group norm without both': (GroupNorm(1, 1e-5), [(2, 3, 4, 8)]),
    'norm and activation': (
        Chain(ChannelNorm([8], 1e-5), Activation(nn.Hardswish())),
        [(2, 3, 4, 8), (8,), (8,)],
    ),
    'shared kernels': (TokenConv((1, 1), 4), [(2, 6, 5, 12), (4, 1, 3, 3)]),
    'wide kernels': (TokenConv((1, 1), 4), [(2, 6, 5, 12), (4, 1, 7, 7)]),
    'stride': (TokenConv((2, 2), 4), [(2, 7, 5, 4), (4, 1, 3, 3)]),
    'attention': (
        ProxyAttention((4, 5), torch.block_diag(*[torch.full((2, 2), 0.3)] * 2)),
        [(2, 20, 3, 12), (12, 1, 5, 5), (12,)],  # of three segments
    ),
    'attention to q, k and v one after another': (
        ProxyAttention((4, 5), torch.block_diag(*[torch.full((2, 2), 0.3)] * 2)),
        [(6, 20, 1, 8), (8, 1, 5, 5), (8,)],
    ),
}


def draw_tensors(shapes, dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.randn(shape).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.smoke
@pytest.mark.parametrize('name', FUNCTIONS)
def test_gradients_of_any_choice_of_arguments(name):
    function, shapes = FUNCTIONS[name]
    tensors = draw_tensors(shapes)
    expected = function(*tensors)
    grad = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, tensors, grad)
    for skipped in (None, *range(len(tensors))):
        needs = [index != skipped for index in range(len(tensors))]
        with torch.no_grad():
            compute, pull = function.linearize(needs, *tensors)
            result, grads = compute(), pull(grad)
        torch.testing.assert_close(result, expected)
        for need, given, exact in zip(needs, grads, wanted, strict=True):
            if need:
                torch.testing.assert_close(given, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('name', FUNCTIONS)
def test_gradients_under_autocast_have_the_dtypes_of_autograd(name):
    function, shapes = FUNCTIONS[name]
    x, *parameters = draw_tensors(shapes)
    tensors = [x.detach().bfloat16().requires_grad_(), *parameters]
    with torch.autocast('cpu', torch.bfloat16):
        expected = function(*tensors)
        with torch.no_grad():
            compute, pull = function.linearize([True] * len(tensors), *tensors)
            result = compute()
    grad = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, tensors, grad)
    with torch.no_grad():
        grads = pull(grad)
    assert result.dtype == expected.dtype
    for tensor, given, exact in zip(tensors, grads, wanted, strict=True):
        assert given.to(tensor.dtype).shape == tensor.shape
        assert (given - exact).norm() <= 2e-2 * exact.norm()
