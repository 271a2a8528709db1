"""Views between the two layouts: tokens (B, H, W, C) and maps (B, C, H, W).

Every backbone keeps its tokens as dense (B, H, W, C) tensors. Linear layers and norms
over channels read them directly. To a convolution, the same memory is a (B, C, H, W)
tensor in PyTorch's channels-last format, for which the fast kernels on CPU and GPU are
written. :func:`to_map` and :func:`to_tokens` copy nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def to_map(tokens: Tensor) -> Tensor:
    """View (B, H, W, C) tokens as a (B, C, H, W) map in channels-last format."""
    return tokens.permute(0, 3, 1, 2)


def to_tokens(feature_map: Tensor) -> Tensor:
    """View a (B, C, H, W) map as (B, H, W, C) tokens."""
    return feature_map.permute(0, 2, 3, 1)


def join_channels(tokens: Sequence[Tensor]) -> Tensor:
    """Put tokens (..., Ci) side by side, (..., C); a copy, if there are several."""
    return torch.cat([*tokens], dim=-1) if len(tokens) > 1 else tokens[0]


def make_dense_on_gpu(x: Tensor) -> Tensor:
    """Copy a part of a wider tensor on a GPU; elsewhere return it as it is.

    cuDNN's convolutions take dense maps. They copy a part of a wider map in every call:
    in the forward pass, in the backward pass, and where it is computed again.
    """
    return x.contiguous() if x.is_cuda else x


def use_channels_last(model: nn.Module) -> nn.Module:
    """Store the weights of a model's convolutions in channels-last format, in place.

    On a GPU, a convolution of a channels-last map copies a weight of another layout in
    every call. Values, shapes and state dicts stay the same; other tensors with four
    dimensions, such as position embeddings, keep their layout. To be called before the
    model is wrapped for distributed training.

    Args:
        model (nn.Module): Any model.

    Returns:
        nn.Module: The model itself.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return model
