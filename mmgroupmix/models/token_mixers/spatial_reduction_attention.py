"""Self-attention to a reduced map: the token mixer of Pyramid Vision Transformer.

Paper: "Pyramid Vision Transformer: A Versatile Backbone for Dense Prediction without
Convolutions" (arXiv 2102.12122), Section 3.3, Equations 1 to 4. GroupMixFormer's ablation
studies compare it with Group-Mix Attention in the same architecture (arXiv 2311.15157,
Section 4.3).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_divisor, check_int
from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from ..layers.layout import to_map, to_tokens
from ..layers.recomputation import Linear


@TOKEN_MIXERS.register_module()
class SpatialReductionAttention(nn.Module):
    """Multi-head self-attention whose keys and values are of a smaller map.

    Args:
        dim (int): Channels C, a multiple of ``num_heads``.
        num_heads (int): Number of heads. Defaults to 8.
        reduction (int): Ratio R by which the sides of the map are reduced for keys and
            values; 1 is plain self-attention. PVT has 8, 4, 2 and 1 in its stages. The
            map needs at least R x R tokens; what is left over at its end is not a key.
            Defaults to 1.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(self, dim: int, num_heads: int = 8, reduction: int = 1):
        super().__init__()
        check_int('SpatialReductionAttention: dim', dim, 1)
        check_divisor('SpatialReductionAttention: num_heads', num_heads, dim)
        check_int('SpatialReductionAttention: reduction', reduction, 1)
        self.num_heads = num_heads
        self.q = Linear(dim, dim)
        self.kv = Linear(dim, 2 * dim)
        self.proj = Linear(dim, dim)
        if reduction > 1:
            self.sr = nn.Conv2d(dim, dim, reduction, reduction)
            self.norm = nn.LayerNorm(dim)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        reduced = x
        if hasattr(self, 'sr'):
            reduced = self.norm(to_tokens(self.sr(to_map(x))))  # (B, H/R, W/R, C)
        q = self.q(x).flatten(1, 2).unflatten(-1, (self.num_heads, -1))
        kv = self.kv(reduced).flatten(1, 2).unflatten(-1, (2, self.num_heads, -1))
        k, v = kv.transpose(1, 3).unbind(2)  # (B, heads, N / R^2, d) each
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k, v)
        return self.proj(mixed.transpose(1, 2).reshape(x.shape))
