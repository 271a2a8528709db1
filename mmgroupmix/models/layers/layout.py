"""Views between the two layouts: tokens (B, H, W, C) and maps (B, C, H, W).

Every backbone keeps its tokens as dense (B, H, W, C) tensors. Linear layers and norms
over channels read them directly. To a convolution, the same memory is a (B, C, H, W)
tensor in PyTorch's channels-last format, for which the fast kernels on CPU and GPU are
written. Neither function copies anything.
"""

from torch import Tensor


def to_map(tokens: Tensor) -> Tensor:
    """View (B, H, W, C) tokens as a (B, C, H, W) map in channels-last format."""
    return tokens.permute(0, 3, 1, 2)


def to_tokens(feature_map: Tensor) -> Tensor:
    """View a (B, C, H, W) map as (B, H, W, C) tokens."""
    return feature_map.permute(0, 2, 3, 1)
