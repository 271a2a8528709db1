"""Multi-head external attention (MEA), the token mixer of EAMLP.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.3. Tokens F are split along channels into heads F_i,
and all heads share one pair of memories:

    h_i = ExternalAttention(F_i, Mk, Mv)
    F_out = Concat(h_1, ..., h_H) W_o

A head is cheap, as the memories are shared: so the channels are expanded first,
fourfold in the paper, and there are four times as many heads.
"""

from torch import Tensor, nn

from ...arguments import check_divisor, check_int
from ...registry import TOKEN_MIXERS
from ..layers.double_normalization import double_normalize
from ..layers.initialization import initialize
from ..layers.recomputation import Linear


@TOKEN_MIXERS.register_module()
class MultiHeadExternalAttention(nn.Module):
    """External attention in heads that share their memories (Section 3.3).

    Args:
        dim (int): Channels d, a multiple of ``num_heads``.
        num_heads (int): Heads before the expansion; there are ``expansion * num_heads``
            of width d / num_heads. Defaults to 8.
        num_memories (int): Entries S of the memories. Defaults to 64.
        expansion (int): Factor by which the channels are expanded. Defaults to 4.

    Attributes:
        memory_key (nn.Linear): Mk with a bias, d / num_heads to S.
        memory_value (nn.Linear): Mv with a bias, S to d / num_heads.

    Raises:
        UserError: If ``dim`` is not a multiple of ``num_heads``, or if ``num_memories``
            or ``expansion`` is not a positive integer.
    """

    def __init__(
        self, dim: int, num_heads: int = 8, num_memories: int = 64, expansion: int = 4
    ):
        super().__init__()
        owner = 'MultiHeadExternalAttention'
        check_int(f'{owner}: dim', dim, 1)
        check_int(f'{owner}: num_memories', num_memories, 1)
        check_int(f'{owner}: expansion', expansion, 1)
        check_divisor(f'{owner}: num_heads', num_heads, dim)
        self.num_heads = expansion * num_heads
        head_dim = dim // num_heads
        self.expand = Linear(dim, expansion * dim)
        self.memory_key = Linear(head_dim, num_memories)
        self.memory_value = Linear(num_memories, head_dim)
        self.proj = Linear(expansion * dim, dim)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, d) or (B, H, W, d).

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.
        """
        heads = self.memory_value(self.attend(x))  # h_i, (B, heads, N, d / num_heads)
        merged = heads.transpose(1, 2).flatten(2)  # (B, N, expansion * d)
        return self.proj(merged).reshape(x.shape)

    def attend(self, x: Tensor) -> Tensor:
        """Compute the attention maps of tokens (B, ..., d), (B, heads, N, S)."""
        tokens = self.expand(x.flatten(1, -2))  # F, (B, N, expansion * d)
        heads = tokens.unflatten(-1, (self.num_heads, -1))  # (B, N, heads, d / num_heads)
        heads = heads.transpose(1, 2)  # F_i, (B, heads, N, d / num_heads)
        return double_normalize(self.memory_key(heads))
