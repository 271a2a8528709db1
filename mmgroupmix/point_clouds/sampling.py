"""Farthest point sampling and nearest neighbours, in plain PyTorch.

Both are batched, run on any device without waiting for it, and choose the same points
every time: of equally distant points, the one with the lowest index counts.

Paper: "PCT: Point Cloud Transformer" (arXiv 2012.09688), Section 3.3, which takes both
from PointNet++ (arXiv 1706.02413), Section 3.2.
"""

import torch
from torch import Tensor

from ..arguments import check_int
from ..errors import UserError
from ..models.layers.precision import promote_to_float32

#: Distances that are held at once: 16 bytes for each of them.
MAX_PAIRS = 2**22
_INDEX_BITS = 32


@torch.no_grad()
def sample_farthest_points(points: Tensor, num_samples: int) -> Tensor:
    """Choose points one after the other, each the farthest from those chosen before.

    The first one is point 0.

    Args:
        points (Tensor): Coordinates, (B, N, C), floating point.
        num_samples (int): Number S of points to choose, from 1 to N.

    Returns:
        Tensor: Indices in the order of their choice, (B, S), int64.

    Raises:
        UserError: If ``points`` or ``num_samples`` are not as described.
    """
    _check_points('sample_farthest_points: points', points)
    num_batches, num_points, _ = points.shape
    _check_number('sample_farthest_points: num_samples', num_samples, num_points)
    points = promote_to_float32(points)
    chosen = points.new_zeros(num_batches, num_samples, dtype=torch.int64)
    nearest = points.new_full((num_batches, num_points), torch.inf)
    for i in range(1, num_samples):
        centres = gather_points(points, chosen[:, i - 1 : i])
        nearest = torch.minimum(nearest, _square_distances(centres, points).squeeze(1))
        # PyTorch's argmax promises the first of equal maxima.
        chosen[:, i] = nearest.argmax(dim=1)
    return chosen


@torch.no_grad()
def find_nearest_neighbors(points: Tensor, queries: Tensor, num_neighbors: int) -> Tensor:
    """Find the points nearest to each query; a point is its own neighbour.

    Memory grows with N + M, not with their product: distances are computed for some
    queries at a time.

    Args:
        points (Tensor): Coordinates, (B, N, C), floating point.
        queries (Tensor): Coordinates, (B, M, C), floating point.
        num_neighbors (int): Number K of neighbours, from 1 to N.

    Returns:
        Tensor: Indices into ``points``, the nearest first, (B, M, K), int64.

    Raises:
        UserError: If an argument is not as described.
    """
    _check_points('find_nearest_neighbors: points', points)
    _check_points('find_nearest_neighbors: queries', queries)
    num_batches, num_points, _ = points.shape
    _check_number('find_nearest_neighbors: num_neighbors', num_neighbors, num_points)
    points, queries = promote_to_float32(points), promote_to_float32(queries)
    index = torch.arange(num_points, device=points.device)
    rows = max(MAX_PAIRS // (num_batches * num_points), 1)
    found = []
    for some in queries.split(rows, dim=1):
        distances = _square_distances(some, points)
        if torch.jit.is_tracing():  # to count operations; it cannot trace a bit cast
            found.append(distances.topk(num_neighbors, dim=-1, largest=False).indices)
            continue
        # topk leaves the order of equal values open. As integers, the bits of floats of
        # at least 0 are ordered as the floats are, and the index makes each one unique.
        bits = distances.float().view(torch.int32).long()
        keys = (bits << _INDEX_BITS) | index
        nearest = keys.topk(num_neighbors, dim=-1, largest=False).values
        found.append(nearest & (2**_INDEX_BITS - 1))
    return torch.cat(found, dim=1)


def gather_points(values: Tensor, indices: Tensor) -> Tensor:
    """Take values of points by their indices.

    Args:
        values (Tensor): (B, N, C).
        indices (Tensor): (B, ...), int64.

    Returns:
        Tensor: (B, ..., C).
    """
    channels = values.shape[-1]
    flat = indices.flatten(1).unsqueeze(-1).expand(-1, -1, channels)
    return values.gather(1, flat).view(*indices.shape, channels)


def _square_distances(queries: Tensor, points: Tensor) -> Tensor:
    """Squared distances, (B, M, C) and (B, N, C) to (B, M, N).

    Coordinate by coordinate: |q|^2 + |p|^2 - 2 q p loses the digits of near points, and
    autocast would compute it in half precision.
    """
    total = None
    for query, point in zip(queries.unbind(-1), points.unbind(-1)):
        square = (query.unsqueeze(-1) - point.unsqueeze(-2)).square()
        total = square if total is None else total + square
    assert total is not None, 'points have coordinates'
    return total


def _check_points(name: str, points: Tensor) -> None:
    if points.ndim != 3 or not points.is_floating_point() or 0 in points.shape[1:]:
        raise UserError(
            f'{name} has the shape {tuple(points.shape)} and dtype {points.dtype}, '
            'expected (batch, points, coordinates) in floating point.'
        )


def _check_number(name: str, number: int, num_points: int) -> None:
    hint = f'The clouds have {num_points} points.'
    check_int(name, number, 1, hint, maximum=num_points)
