"""The double normalisation of external attention.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.2.
"""

from torch import Tensor

from .precision import at_least_float32


def double_normalize(attention: Tensor) -> Tensor:
    """Double normalisation: softmax over tokens, then rows that sum to 1 (Section 3.2).

    F Mk^T grows with the scale of the features: a softmax over memories alone would give
    a token of large features one memory and a token of small features all of them.

    Args:
        attention (Tensor): F Mk^T, (..., N, S).

    Returns:
        Tensor: A, (..., N, S), of the same type.
    """
    # A softmax over 16384 tokens leaves float16's range: at least float32 until the
    # rows, which are of ordinary size again. Autocast lowers none of these operations.
    shares = at_least_float32(attention).softmax(dim=-2)
    rows = shares / (1e-9 + shares.sum(dim=-1, keepdim=True))
    return rows.to(attention.dtype)
