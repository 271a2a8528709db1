"""Multi-scale deformable attention in plain torch, for the GPU.

On a CPU mmcv itself computes it in PyTorch; on a GPU it calls its compiled operator. The
levels are processed one by one, and the backward pass recomputes each of them, so that
only the samples of one level are in memory at a time.

Source: Zhu et al., Deformable DETR, equation 3.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor


def deformable_attention(
    value: Tensor,
    spatial_shapes: Tensor,
    level_starts: Tensor,
    locations: Tensor,
    weights: Tensor,
) -> Tensor:
    """Sum up weighted bilinear samples of the feature maps of all levels.

    Args:
        value (Tensor): Feature maps of all levels, each flattened row by row, for M
            heads, of shape (B, S, M, C).
        spatial_shapes (Tensor): Height and width of the levels, int64 of shape (L, 2).
        level_starts (Tensor): First of the S cells of each level, int64 of shape (L,).
        locations (Tensor): x and y of the samples, from 0 to 1 across a map, of shape
            (B, Q, M, L, P, 2). Beyond the centres of the outermost cells a map fades to
            0 within one cell.
        weights (Tensor): Of shape (B, Q, M, L, P).

    Returns:
        Tensor: Of shape (B, Q, M * C).
    """
    batch, queries, heads = locations.shape[:3]
    output = value.new_zeros(batch, queries, heads * value.size(3))
    for level, cells, shape in _iter_levels(spatial_shapes, level_starts):
        output += _attend(
            value[:, cells], shape, locations[:, :, :, level], weights[:, :, :, level]
        )
    return output


def deformable_attention_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_starts: Tensor,
    locations: Tensor,
    weights: Tensor,
    grad_output: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of :func:`deformable_attention`.

    The arguments that are not listed are those of :func:`deformable_attention`.

    Args:
        grad_output (Tensor): Of shape (B, Q, M * C).

    Returns:
        tuple[Tensor, Tensor, Tensor]: The gradients with respect to ``value``,
        ``locations`` and ``weights``.
    """
    grad_value = torch.zeros_like(value)
    grad_locations = torch.zeros_like(locations)
    grad_weights = torch.zeros_like(weights)
    for level, cells, shape in _iter_levels(spatial_shapes, level_starts):
        inputs = [
            tensor.detach().requires_grad_()
            for tensor in (
                value[:, cells],
                locations[:, :, :, level],
                weights[:, :, :, level],
            )
        ]
        with torch.enable_grad():
            output = _attend(inputs[0], shape, *inputs[1:])
        by_value, by_locations, by_weights = torch.autograd.grad(
            output, inputs, grad_output
        )
        grad_value[:, cells] += by_value
        grad_locations[:, :, :, level] = by_locations
        grad_weights[:, :, :, level] = by_weights
    return grad_value, grad_locations, grad_weights


def _iter_levels(
    spatial_shapes: Tensor, level_starts: Tensor
) -> Iterator[tuple[int, slice, tuple[int, int]]]:
    """Yield index, cells and (height, width) of each level."""
    levels = zip(spatial_shapes.tolist(), level_starts.tolist())
    for level, ((height, width), start) in enumerate(levels):
        yield level, slice(start, start + height * width), (height, width)


def _attend(
    value: Tensor, shape: tuple[int, int], locations: Tensor, weights: Tensor
) -> Tensor:
    """Attend to one level: (B, H * W, M, C) sampled at (B, Q, M, P, 2)."""
    batch, _, heads, channels = value.shape
    maps = value.permute(0, 2, 3, 1).reshape(batch * heads, channels, *shape)
    grid = 2 * locations.transpose(1, 2).flatten(0, 1) - 1  # (B * M, Q, P, 2)
    samples = F.grid_sample(
        maps, grid, mode='bilinear', padding_mode='zeros', align_corners=False
    )
    weights = weights.transpose(1, 2).flatten(0, 1)  # (B * M, Q, P)
    attended = (samples * weights[:, None]).sum(dim=-1)  # (B * M, C, Q)
    attended = attended.unflatten(0, (batch, heads)).flatten(1, 2)
    return attended.transpose(1, 2)  # (B, Q, M * C)
