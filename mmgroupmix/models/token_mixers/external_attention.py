"""External attention (EA): attention to two small memories, shared by all images.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Sections 3.1 and 3.2. The keys and values of self-attention
come from the image; here they are learnt: a memory Mk of S keys and a memory Mv of S
values, each of width d. For tokens F (N x d):

    A = Norm(F Mk^T)    (N x S)
    F_out = A Mv        (N x d)

which is linear in N. With one memory for both, M = Mk = Mv, these are Equations 5 and 6.
"""

import torch
from torch import Tensor, nn

from ...arguments import check_choice, check_int
from ...registry import TOKEN_MIXERS
from ..layers.double_normalization import double_normalize
from ..layers.products import multiply


@TOKEN_MIXERS.register_module()
class ExternalAttention(nn.Module):
    """External attention on tokens (Section 3.1).

    Only the two products, without linear layers around them and without a residual.

    Args:
        dim (int): Channels d.
        num_memories (int): Entries S of the memories. Defaults to 64.
        norm (str): ``'double'`` for the double normalisation of Section 3.2, or
            ``'softmax'`` over the S entries, its ablation. Defaults to 'double'.
        tied (bool): Use Mk as Mv too (Equations 5 and 6). Defaults to False.

    Attributes:
        memory_key (nn.Parameter): Mk, (S, d).
        memory_value (nn.Parameter | None): Mv, (S, d); None if tied.

    Raises:
        UserError: If ``num_memories`` is not a positive integer or ``norm`` is neither
            'double' nor 'softmax'.
    """

    def __init__(
        self, dim: int, num_memories: int = 64, norm: str = 'double', tied: bool = False
    ):
        super().__init__()
        check_int('ExternalAttention: dim', dim, 1)
        check_int('ExternalAttention: num_memories', num_memories, 1)
        check_choice('ExternalAttention: norm', norm, ('double', 'softmax'))
        self.norm = norm
        # As published: both memories start from the same values, and part in training.
        memory = torch.randn(num_memories, dim) * (2 / dim) ** 0.5
        self.memory_key = nn.Parameter(memory)
        self.memory_value = None if tied else nn.Parameter(memory.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, d) or (B, H, W, d).

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.
        """
        attention = self.attend(x)
        values = self.memory_value  # once: a parametrization would compute it again
        if values is None:
            values = self.memory_key
        return multiply(attention, values.mT).reshape(x.shape)

    def attend(self, x: Tensor) -> Tensor:
        """Compute the attention map A of tokens (B, ..., d) to the memory, (B, N, S)."""
        tokens = x.flatten(1, -2)  # F, (B, N, d)
        return self.normalize(multiply(tokens, self.memory_key))

    def normalize(self, attention: Tensor) -> Tensor:
        """Norm, (B, N, S) to (B, N, S)."""
        if self.norm == 'softmax':
            return attention.softmax(dim=-1)
        return double_normalize(attention)

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        num_memories, dim = self.memory_key.shape
        tied = self.memory_value is None
        return f'{dim}, num_memories={num_memories}, norm={self.norm!r}, tied={tied}'
