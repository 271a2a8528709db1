"""Multi-head external attention (MEA), the token mixer of EAMLP.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.3. Tokens F are cut along channels into heads F_i,
and all heads share one pair of memories:

    h_i = ExternalAttention(F_i, Mk, Mv)
    F_out = Concat(h_1, ..., h_H) W_o

A head costs little where its memories are shared: so channels are widened before,
fourfold in the paper, and there are four times as many heads.
"""

from torch import Tensor, nn

from ...errors import UserError
from ...registry import TOKEN_MIXERS
from ..layers.double_normalization import double_normalize
from ..layers.initialization import initialize
from .external_attention import check_num_memories


@TOKEN_MIXERS.register_module()
class MultiHeadExternalAttention(nn.Module):
    """External attention in heads that share their memories (Section 3.3).

    Args:
        dim (int): Channels d, a multiple of ``num_heads``.
        num_heads (int): Heads before the expansion; there are ``expansion * num_heads``
            of width d / num_heads. Defaults to 8.
        num_memories (int): Entries S of the memories. Defaults to 64.
        expansion (int): How many times channels are widened. Defaults to 4.

    Attributes:
        memory_key (nn.Linear): Mk with a bias, d / num_heads to S.
        memory_value (nn.Linear): Mv with a bias, S to d / num_heads.

    Raises:
        UserError: If ``dim`` is no multiple of ``num_heads``, or ``num_memories`` or
            ``expansion`` is no positive number.
    """

    def __init__(
        self, dim: int, num_heads: int = 8, num_memories: int = 64, expansion: int = 4
    ):
        super().__init__()
        if type(num_heads) is not int or num_heads < 1 or dim % num_heads:
            raise UserError(
                f'MultiHeadExternalAttention: dim={dim} and num_heads={num_heads!r}, '
                'expected dim to be a multiple of num_heads: heads are of one width. Set '
                f'a num_heads that divides {dim}.'
            )
        if type(expansion) is not int or expansion < 1:
            raise UserError(
                f'MultiHeadExternalAttention: expansion={expansion!r}, expected a '
                "positive number. The paper's is 4."
            )
        check_num_memories('MultiHeadExternalAttention', num_memories)
        self.num_heads = expansion * num_heads
        head_dim = dim // num_heads
        self.expand = nn.Linear(dim, expansion * dim)
        self.memory_key = nn.Linear(head_dim, num_memories)
        self.memory_value = nn.Linear(num_memories, head_dim)
        self.proj = nn.Linear(expansion * dim, dim)
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
        """The attention maps of tokens (B, ..., d) to the memory, (B, heads, N, S)."""
        tokens = self.expand(x.flatten(1, -2))  # F, (B, N, expansion * d)
        heads = tokens.unflatten(-1, (self.num_heads, -1))  # (B, N, heads, d / num_heads)
        heads = heads.transpose(1, 2)  # F_i, (B, heads, N, d / num_heads)
        return double_normalize(self.memory_key(heads))
