"""Deformable convolution, with and without modulation, computed by torchvision.

torchvision and mmcv agree in the layout of offsets and masks and in every value, except
for the gradient of the offset of a sample that lies exactly one cell outside the map.
There the interpolation has a kink: mmcv's gradient is 0, torchvision's is the slope on
the inner side. Layers start with offsets of 0, so that with padding all samples beyond
the upper and left borders lie there in the first step. The gradients here are mmcv's.

Source: Dai et al., Deformable Convolutional Networks, equation 2; Zhu et al., Deformable
ConvNets v2, equation 1.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .precision import get_computing_dtype
from .torchvision_operators import load_torchvision_operators

EDGE = -1  # coordinate of a sample one cell outside the upper or left border


class ConvGeometry(NamedTuple):
    """How the kernel moves over the feature map; pairs are (height, width)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    offset_groups: int


class ConvGradients(NamedTuple):
    """Gradients of the arguments of :func:`deformable_convolution`."""

    features: Tensor
    weight: Tensor
    offset: Tensor
    mask: Tensor
    bias: Tensor


def deformable_convolution(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: ConvGeometry,
) -> Tensor:
    """Convolve bilinear samples, each displaced from its place in the kernel's grid.

    Args:
        features (Tensor): Of shape (B, C, H, W).
        weight (Tensor): Of shape (D, C / groups, kh, kw).
        offset (Tensor): y and x of the displacement of every sample, of shape
            (B, offset_groups * kh * kw * 2, H', W').
        mask (Tensor | None): Factor of every sample, of shape
            (B, offset_groups * kh * kw, H', W'); None for 1.
        bias (Tensor | None): Of shape (D,); None for 0.
        geometry (ConvGeometry): Stride, padding, dilation and groups.

    Returns:
        Tensor: Of shape (B, D, H', W') and of the type of ``features``.
    """
    operands = _prepare_operands(features, weight, offset, mask, bias)
    output = load_torchvision_operators().deform_conv2d(
        *operands, *_flatten(geometry), mask is not None
    )
    return output.to(features.dtype)


def deformable_convolution_backward(
    grad_output: Tensor,
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: ConvGeometry,
) -> ConvGradients:
    """Compute the gradients of :func:`deformable_convolution`.

    The arguments that are not listed are those of :func:`deformable_convolution`.

    Args:
        grad_output (Tensor): Of shape (B, D, H', W').

    Returns:
        ConvGradients: In the precision of the computation. Those of ``mask`` and ``bias``
        are meaningless if these are None.
    """
    operands = _prepare_operands(features, weight, offset, mask, bias)
    gradients = ConvGradients(
        *load_torchvision_operators()._deform_conv2d_backward(
            grad_output.to(operands[0].dtype),
            *operands,
            *_flatten(geometry),
            mask is not None,
        )
    )
    on_edge = _find_samples_on_edge(operands[2], weight.shape[2:], geometry)
    gradients.offset.masked_fill_(on_edge, 0)
    return gradients


def _prepare_operands(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
) -> list[Tensor]:
    """The tensors in torchvision's order, which has no None, and of one type."""
    if mask is None:
        mask = features.new_zeros(features.size(0), 1)
    if bias is None:
        bias = features.new_zeros(weight.size(0))
    dtype = get_computing_dtype(features)
    return [tensor.to(dtype) for tensor in (features, weight, offset, mask, bias)]


def _flatten(geometry: ConvGeometry) -> tuple[int, ...]:
    """The numbers in torchvision's order."""
    stride, padding, dilation, groups, offset_groups = geometry
    return (*stride, *padding, *dilation, groups, offset_groups)


def _find_samples_on_edge(
    offset: Tensor, kernel_size: torch.Size, geometry: ConvGeometry
) -> Tensor:
    """Find the coordinates that are exactly -1, in a mask of the shape of ``offset``."""
    kh, kw = kernel_size
    height, width = offset.shape[2:]
    displaced = offset.reshape(-1, kh, kw, 2, height, width)
    rows, columns = (
        _list_positions(*numbers, offset.device)
        for numbers in zip((kh, kw), (height, width), *geometry[:3])
    )
    on_edge = torch.empty_like(displaced, dtype=torch.bool)
    on_edge[:, :, :, 0] = displaced[:, :, :, 0] + rows[:, None, :, None] == EDGE
    on_edge[:, :, :, 1] = displaced[:, :, :, 1] + columns[:, None, :] == EDGE
    return on_edge.view_as(offset)


def _list_positions(
    taps: int, size: int, stride: int, padding: int, dilation: int, device: torch.device
) -> Tensor:
    """Coordinate of every tap in every output cell without displacement: (taps, size)."""
    starts = torch.arange(size, device=device) * stride - padding
    return torch.arange(taps, device=device)[:, None] * dilation + starts
