"""RoIAlign, computed by torchvision where it averages and in plain torch elsewhere."""

from torch import Tensor

from .max_roi_align import max_roi_align, max_roi_align_backward
from .precision import get_computing_dtype
from .torchvision_operators import load_torchvision_operators

MAX_POOLING = 0  # `pool_mode`; 1 is average pooling


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool each region of interest into a grid of bins, by bilinear samples.

    Args:
        input (Tensor): Feature map of shape (B, C, H, W).
        rois (Tensor): Batch index and corners x1, y1, x2, y2 in image coordinates, of
            shape (K, 5).
        output (Tensor): Overwritten, of shape (K, C, aligned_height, aligned_width).
        argmax_y (Tensor): For max pooling, overwritten with the y coordinate of the
            largest sample of each bin (-1 if a bin has no sample); shape as ``output``.
        argmax_x (Tensor): As ``argmax_y``, for x.
        aligned_height (int): Number of bins along the height.
        aligned_width (int): Number of bins along the width.
        spatial_scale (float): Factor from image to feature coordinates.
        sampling_ratio (int): Samples along each side of a bin; 0 takes one per feature
            cell.
        pool_mode (int): 0 for the maximum of the samples of a bin, 1 for their average.
        aligned (bool): Whether coordinates refer to pixel centres (shifted by half a
            pixel).
    """
    dtype = get_computing_dtype(input)
    features, regions = input.to(dtype), rois.to(dtype)
    if pool_mode == MAX_POOLING:
        values, ys, xs = max_roi_align(
            features,
            regions,
            (aligned_height, aligned_width),
            spatial_scale,
            sampling_ratio,
            aligned,
        )
        argmax_y.copy_(ys)
        argmax_x.copy_(xs)
    else:
        values = load_torchvision_operators().roi_align(
            features,
            regions,
            spatial_scale,
            aligned_height,
            aligned_width,
            sampling_ratio,
            aligned,
        )
    output.copy_(values)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient with respect to the feature map to ``grad_input``.

    The arguments that are not listed are those of :func:`roi_align_forward`.

    Args:
        grad_output (Tensor): Of shape (K, C, aligned_height, aligned_width).
        grad_input (Tensor): Added to, of shape (B, C, H, W).
    """
    dtype = get_computing_dtype(grad_input)
    gradient, regions = grad_output.to(dtype), rois.to(dtype)
    if pool_mode == MAX_POOLING:
        result = max_roi_align_backward(
            gradient, regions, argmax_y.to(dtype), argmax_x.to(dtype), grad_input.shape
        )
    else:
        result = load_torchvision_operators()._roi_align_backward(
            gradient,
            regions,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    grad_input.add_(result)
