"""Multi-scale deformable attention in plain torch, for the GPU.

On a CPU mmcv computes it in PyTorch by itself; on a GPU it calls its compiled operator.
Levels are gone through one by one, and the gradient recomputes each of them: only the
samples of one level are ever in memory.

Source: Zhu et al., Deformable DETR, equation 3.

Part of ``mmcv_ext`` and removed with it.
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
    """Add up weighted bilinear samples of every level's feature map.

    Args:
        value: (B, S, M, C) feature maps of all levels, each flattened row by row, for M
            heads.
        spatial_shapes: (L, 2) int64 height and width of the levels.
        level_starts: (L,) int64 where each level starts among the S cells.
        locations: (B, Q, M, L, P, 2) x and y of the samples, from 0 to 1 across a map.
            Beyond the cells' centres a map fades to 0 within one cell.
        weights: (B, Q, M, L, P).

    Returns:
        (B, Q, M * C).
    """
    batch, queries, heads = locations.shape[:3]
    output = value.new_zeros(batch, queries, heads * value.size(3))
    for level, cells, shape in _levels(spatial_shapes, level_starts):
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
    """Differentiate :func:`deformable_attention`.

    Args:
        grad_output: (B, Q, M * C).

    The others are those of :func:`deformable_attention`.

    Returns:
        The gradients with respect to ``value``, ``locations`` and ``weights``.
    """
    gradients = tuple(torch.zeros_like(tensor) for tensor in (value, locations, weights))
    grad_value, grad_locations, grad_weights = gradients
    for level, cells, shape in _levels(spatial_shapes, level_starts):
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
        of_value, of_locations, of_weights = torch.autograd.grad(
            output, inputs, grad_output
        )
        grad_value[:, cells] += of_value
        grad_locations[:, :, :, level] = of_locations
        grad_weights[:, :, :, level] = of_weights
    return gradients


def _levels(
    spatial_shapes: Tensor, level_starts: Tensor
) -> Iterator[tuple[int, slice, tuple[int, int]]]:
    """Number, cells and (height, width) of each level."""
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
