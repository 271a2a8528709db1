"""Deformable convolution with the interface of mmcv's operators.

mmcv asks for the gradient of the weight separately from that of the input; torchvision
computes both at once, so that the backward pass of a layer runs twice.
"""

from torch import Tensor

from .deformable_convolution import (
    ConvGeometry,
    deformable_convolution,
    deformable_convolution_backward,
)


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Convolve samples that are displaced by the offsets.

    Args:
        input (Tensor): Feature map of shape (B, C, H, W).
        weight (Tensor): Of shape (D, C / group, kH, kW).
        offset (Tensor): y and x of every sample's displacement, of shape
            (B, deformable_group * kH * kW * 2, H', W').
        output (Tensor): Overwritten, of shape (B, D, H', W').
        columns (Tensor): Memory for mmcv's kernel; not used here.
        ones (Tensor): As ``columns``.
        kW (int): Width of the kernel.
        kH (int): Height of the kernel.
        dW (int): Stride along the width.
        dH (int): Stride along the height.
        padW (int): Padding on the left and right.
        padH (int): Padding above and below.
        dilationW (int): Distance between the kernel's columns.
        dilationH (int): Distance between the kernel's rows.
        group (int): Number of groups of the convolution.
        deformable_group (int): Number of groups of channels with offsets of their own.
        im2col_step (int): Number of images that mmcv's kernel takes at once; it has no
            effect here.
    """
    geometry = ConvGeometry(
        (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group
    )
    output.copy_(deformable_convolution(input, weight, offset, None, None, geometry))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Compute the gradients of the input and of the offsets.

    The arguments that are not listed are those of :func:`deform_conv_forward`.

    Args:
        gradOutput (Tensor): Of shape (B, D, H', W').
        gradInput (Tensor): Added to; shape as ``input``.
        gradOffset (Tensor): Overwritten; shape as ``offset``.
    """
    geometry = ConvGeometry(
        (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group
    )
    gradients = deformable_convolution_backward(
        gradOutput, input, weight, offset, None, None, geometry
    )
    gradInput.add_(gradients.features)
    gradOffset.copy_(gradients.offset)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Compute the gradient of the weight.

    The arguments that are not listed are those of :func:`deform_conv_forward`.

    Args:
        gradOutput (Tensor): Of shape (B, D, H', W').
        gradWeight (Tensor): Added to; shape as the weight.
        scale (float): Factor of what is added.
    """
    geometry = ConvGeometry(
        (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group
    )
    # The gradient of the weight does not depend on the weight.
    gradients = deformable_convolution_backward(
        gradOutput, input, gradWeight, offset, None, None, geometry
    )
    gradWeight.add_(gradients.weight, alpha=scale)
