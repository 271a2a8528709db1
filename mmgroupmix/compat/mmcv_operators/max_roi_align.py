"""RoIAlign with max pooling in plain torch; torchvision does not have it.

The regions are processed one by one: their grids differ in size, and detectors rarely use
the maximum, so that memory matters more here than speed.
"""

import torch
from torch import Tensor

NO_SAMPLE = -1  # coordinate of the maximum of a bin that has none


def max_roi_align(
    features: Tensor,
    rois: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the largest bilinear sample of every bin.

    Args:
        features (Tensor): Feature map of shape (B, C, H, W), float32 or float64.
        rois (Tensor): Batch index and corners, of shape (K, 5) and the same type.
        output_size (tuple[int, int]): Number of bins along height and width.
        spatial_scale (float): Factor from image to feature coordinates.
        sampling_ratio (int): Samples along each side of a bin; 0 takes one per feature
            cell.
        aligned (bool): Whether coordinates refer to pixel centres.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Value, y and x of the largest samples in feature
        coordinates, each of shape (K, C, *output_size). Bins without samples (of a region
        without extent) hold 0, as with average pooling, at the coordinates -1; in mmcv
        they hold the start value of its search for the maximum, -10000 on a CPU and
        -FLT_MAX on a GPU.
    """
    shape = (rois.size(0), features.size(1), *output_size)
    values = features.new_zeros(shape)
    argmax_y = features.new_full(shape, NO_SAMPLE)
    argmax_x = features.new_full(shape, NO_SAMPLE)

    height, width = output_size
    corners = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0)
    starts, extents = corners[:, :2], corners[:, 2:] - corners[:, :2]
    if not aligned:
        extents = extents.clamp(min=1)
    bins = extents / extents.new_tensor([width, height])
    grids = torch.full_like(bins, sampling_ratio) if sampling_ratio > 0 else bins.ceil()

    batch_indices = rois[:, 0].long().tolist()
    for k, (batch, (columns, rows)) in enumerate(
        zip(batch_indices, grids.long().tolist())
    ):
        if columns <= 0 or rows <= 0:
            continue
        xs = _get_sample_positions(starts[k, 0], bins[k, 0], width, columns)
        ys = _get_sample_positions(starts[k, 1], bins[k, 1], height, rows)
        samples = _sample_grid(features[batch], ys, xs)
        samples = samples.view(-1, height, rows, width, columns)
        values[k], index = samples.transpose(2, 3).flatten(3).max(dim=3)
        row, column = index // columns, index % columns
        first_row = torch.arange(height, device=ys.device)[:, None] * rows
        first_column = torch.arange(width, device=xs.device) * columns
        argmax_y[k] = ys[first_row + row]
        argmax_x[k] = xs[first_column + column]
    return values, argmax_y, argmax_x


def max_roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    input_shape: torch.Size,
) -> Tensor:
    """Distribute the gradient of every bin to the four neighbours of its largest sample.

    Args:
        grad_output (Tensor): Of shape (K, C, h, w).
        rois (Tensor): Of shape (K, 5); only the batch index is used.
        argmax_y (Tensor): y of the largest samples of shape (K, C, h, w), -1 for none.
        argmax_x (Tensor): As ``argmax_y``, for x.
        input_shape (torch.Size): (B, C, H, W).

    Returns:
        Tensor: The gradient of shape (B, C, H, W), of the type of ``grad_output``.
    """
    _, channels, height, width = input_shape
    y_low, y_high, y_weight, y_inside = _find_neighbors(argmax_y, height)
    x_low, x_high, x_weight, x_inside = _find_neighbors(argmax_x, width)
    received = grad_output * (y_inside & x_inside & (argmax_y != NO_SAMPLE))

    planes = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)
    gradient = grad_output.new_zeros(input_shape).view(-1)
    for y, along_y in ((y_low, 1 - y_weight), (y_high, y_weight)):
        for x, along_x in ((x_low, 1 - x_weight), (x_high, x_weight)):
            cells = (planes[:, :, None, None] * height + y) * width + x
            shares = received * along_y * along_x
            gradient.index_add_(0, cells.flatten(), shares.flatten())
    return gradient.view(input_shape)


def _get_sample_positions(
    start: Tensor, extent: Tensor, bins: int, samples: int
) -> Tensor:
    """The centres of ``samples`` equal parts of each of the bins, which follow ``start``.

    Rounded step by step as in mmcv: a sample at -1 counts, one just before it does not.
    """
    steps = torch.arange(max(bins, samples), dtype=start.dtype, device=start.device)
    bin_starts = start + steps[:bins] * extent
    offsets = (steps[:samples] + 0.5) * extent / samples
    return (bin_starts[:, None] + offsets).flatten()


def _sample_grid(plane: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Sample (C, H, W) at every pair of ``ys`` and ``xs``: (C, len(ys), len(xs))."""
    y_low, y_high, y_weight, y_inside = _find_neighbors(ys, plane.size(1))
    x_low, x_high, x_weight, x_inside = _find_neighbors(xs, plane.size(2))
    rows = torch.lerp(plane[:, y_low], plane[:, y_high], y_weight[:, None])
    samples = torch.lerp(rows[:, :, x_low], rows[:, :, x_high], x_weight)
    return samples * (y_inside[:, None] & x_inside)


def _find_neighbors(
    positions: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find the cells around each position, the weight of the upper one, and its validity.

    A position up to one cell outside the map takes the value of the border; one farther
    away counts as a sample of value 0.
    """
    inside = (positions >= -1) & (positions <= size)
    positions = positions.clamp(0, size - 1)
    low = positions.floor()
    weight = positions - low
    low = low.long()
    return low, (low + 1).clamp(max=size - 1), weight, inside
