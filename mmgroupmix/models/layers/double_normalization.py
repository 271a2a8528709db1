"""Double normalisation, the normalisation of external attention.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.2.
"""

from torch import Tensor

from .precision import promote_to_float32


def double_normalize(attention: Tensor) -> Tensor:
    """Softmax over tokens, then rows that sum to 1 (Section 3.2).

    F Mk^T grows with the scale of the features: a softmax over memories alone would give
    a token with large features one memory and a token with small features all of them.

    Args:
        attention (Tensor): F Mk^T, (..., N, S).

    Returns:
        Tensor: A, (..., N, S), of the same dtype.
    """
    # The shares of 16384 tokens are below float16's range, so they are computed in
    # float32; the rows are of ordinary size again. Autocast lowers none of these
    # operations.
    shares = promote_to_float32(attention).softmax(dim=-2)
    rows = shares / (1e-9 + shares.sum(dim=-1, keepdim=True))
    return rows.to(attention.dtype)
