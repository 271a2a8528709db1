"""The one layout of every backbone: (B, H, W, C), dense, channels last in memory.

Linear layers and norms over channels read it as it is. A convolution sees the same
memory as a (B, C, H, W) tensor in PyTorch's channels-last format, which is the format
that its fast kernels want, on CPU and GPU: the two functions here are views.
"""

from torch import Tensor


def to_map(tokens: Tensor) -> Tensor:
    """(B, H, W, C) tokens as a (B, C, H, W) map, channels last in memory: a view."""
    return tokens.permute(0, 3, 1, 2)


def to_tokens(feature_map: Tensor) -> Tensor:
    """(B, C, H, W) map as (B, H, W, C) tokens: a view."""
    return feature_map.permute(0, 2, 3, 1)
