"""RoIPool in plain torch: torchvision's rounds the corners of a region, mmcv's does not.

The regions are processed one by one, as those of ``max_roi_align``.

Source: Girshick, Fast R-CNN, section 2.1.
"""

import torch
from torch import Tensor

from .precision import get_computing_dtype

NO_CELL = -1  # index of the maximum of a bin that contains no cell


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Take the largest cell of every bin of each region of interest.

    Args:
        input (Tensor): Feature map of shape (B, C, H, W).
        rois (Tensor): Batch index and corners x1, y1, x2, y2 in image coordinates, the
            last two inclusive, of shape (K, 5).
        output (Tensor): Overwritten, of shape (K, C, pooled_height, pooled_width). A bin
            without cells holds 0.
        argmax (Tensor): Overwritten with the index of that cell in its map, row by row,
            and with -1 for a bin without cells; int32, shape as ``output``. mmcv leaves
            the values of a region without extent as they were, so that its layer sends
            their gradients to the first cell.
        pooled_height (int): Number of bins along the height.
        pooled_width (int): Number of bins along the width.
        spatial_scale (float): Factor from image to feature coordinates.
    """
    dtype = get_computing_dtype(input)
    features, regions = input.to(dtype), rois.to(dtype)
    height, width = input.shape[2:]
    starts = regions[:, 1:3] * spatial_scale
    extents = (regions[:, 3:] + 1) * spatial_scale - starts
    left, right = _find_bins(starts[:, 0], extents[:, 0], pooled_width, width)
    top, bottom = _find_bins(starts[:, 1], extents[:, 1], pooled_height, height)
    empty = (bottom <= top)[:, :, None] | (right <= left)[:, None]
    empty |= (extents <= 0).any(dim=1)[:, None, None]

    most_rows = (bottom - top).amax(dim=1).clamp(min=1).tolist()
    most_columns = (right - left).amax(dim=1).clamp(min=1).tolist()
    for k, batch in enumerate(rois[:, 0].long().tolist()):
        ys = _list_cells(top[k], bottom[k], most_rows[k])
        xs = _list_cells(left[k], right[k], most_columns[k])
        cells = features[batch][:, ys][..., xs].transpose(2, 3)
        values, index = cells.flatten(3).max(dim=3)
        row, column = index // most_columns[k], index % most_columns[k]
        y = ys[torch.arange(pooled_height, device=ys.device)[:, None], row]
        x = xs[torch.arange(pooled_width, device=xs.device), column]
        output[k] = values.masked_fill(empty[k], 0)
        argmax[k] = (y * width + x).masked_fill(empty[k], NO_CELL)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Add the gradient of every bin to that of its largest cell.

    The arguments that are not listed are those of :func:`roi_pool_forward`.

    Args:
        grad_output (Tensor): Of shape (K, C, pooled_height, pooled_width).
        argmax (Tensor): From :func:`roi_pool_forward`.
        grad_input (Tensor): Added to, of shape (B, C, H, W).
    """
    dtype = get_computing_dtype(grad_input)
    batch, channels, height, width = grad_input.shape
    planes = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)
    cells = planes[:, :, None, None] * (height * width) + argmax.clamp(min=0)
    received = grad_output.to(dtype) * (argmax != NO_CELL)
    gradient = received.new_zeros(batch * channels * height * width)
    gradient.index_add_(0, cells.flatten(), received.flatten())
    grad_input.add_(gradient.view(grad_input.shape))


def _find_bins(
    starts: Tensor, extents: Tensor, bins: int, size: int
) -> tuple[Tensor, Tensor]:
    """The first cell of every bin, and the one after its last; both of shape (K, bins).

    Rounded from float32 whatever the type, as in mmcv.
    """
    steps = torch.arange(bins + 1, dtype=extents.dtype, device=extents.device)
    positions = steps * (extents / bins)[:, None] + starts[:, None]
    first = positions[:, :-1].float().floor().clamp(0, size)
    end = positions[:, 1:].float().ceil().clamp(0, size)
    return first.long(), end.long()


def _list_cells(first: Tensor, end: Tensor, number: int) -> Tensor:
    """The cells of every bin, of shape (bins, number), filled up with the last one."""
    cells = first[:, None] + torch.arange(number, device=first.device)
    return torch.minimum(cells, end[:, None] - 1).clamp(min=0)
