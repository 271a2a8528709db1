"""Depthwise convolutions of any odd size with a fast gradient of the kernel.

oneDNN computes this gradient for kernels of up to three columns by a routine of its own,
and for wider ones by a general one that takes ten times as long as the convolution
itself, in bfloat16 thirty times. A wide kernel is a few narrow ones side by side, on
shifted maps.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .layout import to_map, to_tokens
from .packed import find_dtype
from .recording import is_recorded

#: Columns of a kernel whose gradient is fast.
NARROW = 3
#: Values of a map on which more calls take longer than they save, in float32.
SMALL = 3 * 2**14


def convolve_depthwise(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
) -> Tensor:
    """Depthwise convolution with zeros around the map, whose stride 1 keeps its size.

    Args:
        x (Tensor): Map, (B, C, H, W).
        weight (Tensor): Kernels, (C, 1, K, L) with odd K and L.
        bias (Tensor, optional): (C,). Defaults to None.
        stride (tuple[int, int]): Defaults to (1, 1).

    Returns:
        Tensor: (B, C, H', W').
    """
    if stride == (1, 1) and is_recorded((weight,)) and prefers_columns(x, weight):
        dtype = find_dtype(x)
        bias = None if bias is None else bias.to(dtype)
        return WideDepthwiseConv.apply(x.to(dtype), weight.to(dtype), bias)
    return F.conv2d(x, weight, bias, stride, get_padding(weight), groups=len(weight))


def prefers_columns(x: Tensor, weight: Tensor) -> bool:
    """Whether the gradient of the kernels is faster by columns."""
    side = weight.shape[-1]
    wide = x.device.type == 'cpu' and side > NARROW and x.shape[-1] > side // 2
    return wide and (x.numel() >= SMALL or find_dtype(x) != torch.float32)


def get_padding(weight: Tensor) -> tuple[int, int]:
    """Zeros around a map that keep its size."""
    return weight.shape[-2] // 2, weight.shape[-1] // 2


class WideDepthwiseConv(torch.autograd.Function):
    """A depthwise convolution; the kernel's gradient is computed by columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=get_padding(weight), groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of map, kernels and bias."""
        (grad,) = grads
        x, weight = ctx.saved_tensors
        *needs, needs_bias = ctx.needs_input_grad
        by_x, by_weight = differentiate_depthwise(grad, x, weight, (1, 1), needs)
        return by_x, by_weight, grad.sum((0, 2, 3)) if needs_bias else None


def differentiate_depthwise(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    needs: Sequence[bool],
) -> list[Any]:
    """Gradients of a convolution as :func:`convolve_depthwise` computes it.

    Args:
        grad (Tensor): Gradient by the result, (B, C, H', W').
        x (Tensor): Map, (B, C, H, W).
        weight (Tensor): Kernels, (C, 1, K, L).
        stride (tuple[int, int]): Stride of the convolution.
        needs (Sequence[bool]): Whether map and kernels need a gradient.

    Returns:
        list[Tensor | None]: Gradients by map and kernels.
    """
    needs_x, needs_weight = needs
    # The gradient of the gradient comes from PyTorch's own functions.
    by_columns = needs_weight and stride == (1, 1) and not torch.is_grad_enabled()
    by_columns = by_columns and prefers_columns(x, weight)
    mask = [needs_x, needs_weight and not by_columns]
    grads = differentiate(grad, x, weight, stride, get_padding(weight), mask)
    if by_columns:
        grads[1] = torch.cat(list(iter_columns(grad, x, weight)), dim=-1)
    return grads


def differentiate(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    mask: list[bool],
) -> list[Any]:
    """Gradients of map and kernels by PyTorch, those of them in the mask."""
    channels = len(weight)
    *grads, _ = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        None,
        stride,
        padding,
        (1, 1),
        False,
        (0, 0),
        channels,
        [*mask, False],
    )
    return grads


def iter_columns(grad: Tensor, x: Tensor, weight: Tensor) -> Iterable[Tensor]:
    """The gradient of the kernels, (C, 1, K, L), a few columns at a time."""
    row_padding, margin = get_padding(weight)
    for first in range(-margin, margin + 1, NARROW):
        last = min(first + NARROW - 1, margin)
        # Columns first to last, counted from the middle, see the map moved by as much.
        moved = to_map(F.pad(to_tokens(x), (0, 0, -first, last)))
        columns = weight[..., margin + first : margin + last + 1]
        padding = (row_padding, 0)
        _, part = differentiate(grad, moved, columns, (1, 1), padding, [False, True])
        yield part
