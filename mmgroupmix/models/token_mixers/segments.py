"""The segments of q, k and v, for the branches of Group-Mix Attention.

The projection returns them side by side. Convolutions copy a part of a wider map in every
call, in the forward pass, in the backward pass and where it is computed again; here each
part is copied once. q, k and v of a segment come one after another, as if they were more
images, so that kernels which they share need not be repeated.
"""

from typing import Any

import torch
from torch import Tensor

from ..layers.recording import is_recorded

NUM_SEGMENTS = 5


def split_segments(qkv: Tensor, dim: int) -> tuple[Tensor, ...]:
    """Copy the segments of q, k and v into dense maps.

    Args:
        qkv (Tensor): (B, H, W, 15c): for each of five segments, q, k and v.
        dim (int): Channels c.

    Returns:
        tuple[Tensor, ...]: Four of (3B, H, W, c), all of q first, for the pre-attention
        branches, and (B, H, W, 3c) for the non-attention branch.
    """
    split = SplitSegments.apply if is_recorded([qkv]) else copy_segments
    return split(qkv, dim)


def copy_segments(qkv: Tensor, dim: int) -> tuple[Tensor, ...]:
    """Compute :func:`split_segments`."""
    *segments, last = qkv.unflatten(-1, (NUM_SEGMENTS, 3, dim)).unbind(-3)
    stacked = [part.movedim(-2, 0).flatten(0, 1) for part in segments]
    return *stacked, last.flatten(-2).contiguous()


class SplitSegments(torch.autograd.Function):
    """:func:`split_segments` with a gradient that is written into one map."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, dim: int) -> tuple[Tensor, ...]:
        """Split."""
        return copy_segments(qkv, dim)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Join the gradients of all segments."""
        *stacked, last = grads
        segments = [grad.unflatten(0, (3, -1)).movedim(0, -2) for grad in stacked]
        segments.append(last.unflatten(-1, (3, -1)))
        return torch.stack(segments, dim=-3).flatten(-3), None
