"""Modulated deformable convolution with the interface of mmcv's operators.

mmcv does not compare the size of the offsets and masks with that of the output: of larger
ones, its kernels read as many values from the beginning of each image's as the output
needs. mmdet's DyHead passes such ones, and its published weights were trained that way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .deformable_convolution import (
    ConvGeometry,
    deformable_convolution,
    deformable_convolution_backward,
)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Convolve samples that are displaced by the offsets and weighted by the mask.

    Args:
        input (Tensor): Feature map of shape (B, C, H, W).
        weight (Tensor): Of shape (D, C / group, kernel_h, kernel_w).
        bias (Tensor): Of shape (D,); empty without one.
        ones (Tensor): Memory for mmcv's kernel; not used here.
        offset (Tensor): y and x of every sample's displacement, of shape
            (B, deformable_group * kernel_h * kernel_w * 2, H', W') or larger.
        mask (Tensor): Factor of every sample, of shape
            (B, deformable_group * kernel_h * kernel_w, H', W') or larger.
        output (Tensor): Overwritten, of shape (B, D, H', W').
        columns (Tensor): As ``ones``.
        kernel_h (int): Height of the kernel.
        kernel_w (int): Width of the kernel.
        stride_h (int): Stride along the height.
        stride_w (int): Stride along the width.
        pad_h (int): Padding above and below.
        pad_w (int): Padding on the left and right.
        dilation_h (int): Distance between the kernel's rows.
        dilation_w (int): Distance between the kernel's columns.
        group (int): Number of groups of the convolution.
        deformable_group (int): Number of groups of channels with offsets and masks of
            their own.
        with_bias (bool): Whether ``bias`` is added.
    """
    geometry = ConvGeometry(
        (stride_h, stride_w),
        (pad_h, pad_w),
        (dilation_h, dilation_w),
        group,
        deformable_group,
    )
    size = output.shape[2:]
    output.copy_(
        deformable_convolution(
            input,
            weight,
            _read_first_values(offset, size),
            _read_first_values(mask, size),
            bias if with_bias else None,
            geometry,
        )
    )


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Compute the gradients of :func:`modulated_deform_conv_forward`.

    The arguments that are not listed are those of :func:`modulated_deform_conv_forward`.

    Args:
        grad_input (Tensor): Added to; shape as ``input``.
        grad_weight (Tensor): Added to; shape as ``weight``.
        grad_bias (Tensor): Added to if ``with_bias``; shape as ``bias``.
        grad_offset (Tensor): Overwritten; shape as ``offset``, 0 for values not read.
        grad_mask (Tensor): Overwritten; shape as ``mask``, 0 for values not read.
        grad_output (Tensor): Of shape (B, D, H', W').
    """
    geometry = ConvGeometry(
        (stride_h, stride_w),
        (pad_h, pad_w),
        (dilation_h, dilation_w),
        group,
        deformable_group,
    )
    size = grad_output.shape[2:]
    gradients = deformable_convolution_backward(
        grad_output,
        input,
        weight,
        _read_first_values(offset, size),
        _read_first_values(mask, size),
        bias if with_bias else None,
        geometry,
    )
    grad_input.add_(gradients.features)
    grad_weight.add_(gradients.weight)
    if with_bias:
        grad_bias.add_(gradients.bias)
    _write_first_values(grad_offset, gradients.offset)
    _write_first_values(grad_mask, gradients.mask)


def _read_first_values(tensor: Tensor, size: torch.Size) -> Tensor:
    """The first values of every image, as maps of a size: of shape (B, C, *size)."""
    if tensor.shape[2:] == size:
        return tensor
    number = tensor.size(1) * size.numel()
    return tensor.flatten(1)[:, :number].view(*tensor.shape[:2], *size)


def _write_first_values(tensor: Tensor, values: Tensor) -> None:
    """Overwrite the first values of every image, and the others with 0."""
    rest = tensor[0].numel() - values[0].numel()
    tensor.copy_(F.pad(values.flatten(1), (0, rest)).view(tensor.shape))
