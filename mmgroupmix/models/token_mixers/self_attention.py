"""Multi-head self-attention over all tokens.

Paper: "Attention Is All You Need" (arXiv 1706.03762), Section 3.2, Equation 1. The
MetaFormer paper (arXiv 2111.11418, Table 5) uses it in its last one or two stages.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_divisor, check_int
from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from ..layers.recomputation import Linear


@TOKEN_MIXERS.register_module()
class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V in heads of width d (Section 3.2, Equation 1).

    Time grows with the square of the number of tokens N, and so does memory where
    PyTorch has no fused kernel.

    Args:
        dim (int): Channels C, a multiple of ``head_dim``.
        head_dim (int): Width d of a head. Defaults to 32.
        qkv_bias (bool): Give q, k and v a bias. Defaults to False.

    Raises:
        UserError: If ``dim`` is not a multiple of ``head_dim``.
    """

    def __init__(self, dim: int, head_dim: int = 32, qkv_bias: bool = False):
        super().__init__()
        check_int('SelfAttention: dim', dim, 1)
        check_divisor('SelfAttention: head_dim', head_dim, dim)
        self.head_dim = head_dim
        self.qkv = Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = Linear(dim, dim)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, C) or (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.
        """
        qkv = self.qkv(x.flatten(1, -2))  # (B, N, 3C)
        heads = qkv.unflatten(-1, (3, -1, self.head_dim))  # (B, N, 3, heads, d)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, N, d) each
        mixed = F.scaled_dot_product_attention(q, k, v)
        mixed = mixed.transpose(1, 2).flatten(2)  # (B, N, C)
        return self.proj(mixed).reshape(x.shape)
