"""External attention (EA): attention to two small memories, shared by all images.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Sections 3.1 and 3.2. Keys and values of self-attention come
from the image; here they are learnt: a memory Mk of S keys and a memory Mv of S values,
each d wide. For tokens F (N x d):

    A = Norm(F Mk^T)    (N x S)
    F_out = A Mv        (N x d)

which is linear in N. With one memory for both, M = Mk = Mv, these are Equations 5 and 6.
"""

import torch
from torch import Tensor, nn

from ...errors import UserError
from ...registry import TOKEN_MIXERS
from ..layers.double_normalization import double_normalize


@TOKEN_MIXERS.register_module()
class ExternalAttention(nn.Module):
    """External attention on tokens (Section 3.1).

    The two products only: no linear layers around them, no residual.

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
        UserError: If ``num_memories`` is no positive number or ``norm`` is none of the
            two.
    """

    def __init__(
        self, dim: int, num_memories: int = 64, norm: str = 'double', tied: bool = False
    ):
        super().__init__()
        check_num_memories('ExternalAttention', num_memories)
        if norm not in ('double', 'softmax'):
            raise UserError(
                f"ExternalAttention: norm={norm!r}, expected 'double' (softmax over "
                "tokens, then rows that sum to 1, as in the paper) or 'softmax' (over "
                'memories alone). Set one of them.'
            )
        self.norm = norm
        # As published: the two memories are drawn as one, and part in training.
        memory = torch.randn(num_memories, dim) * (2 / dim) ** 0.5
        self.memory_key = nn.Parameter(memory)
        self.register_parameter(
            'memory_value', None if tied else nn.Parameter(memory.clone())
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, d) or (B, H, W, d).

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.
        """
        tied = self.memory_value is None
        memory_value = self.memory_key if tied else self.memory_value
        return (self.attend(x) @ memory_value).reshape(x.shape)

    def attend(self, x: Tensor) -> Tensor:
        """The attention map A of tokens (B, ..., d) to the memory, (B, N, S)."""
        tokens = x.flatten(1, -2)  # F, (B, N, d)
        return self.normalize(tokens @ self.memory_key.mT)

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


def check_num_memories(name: str, num_memories: int) -> None:
    """Raise a UserError if ``num_memories`` is no positive number."""
    if type(num_memories) is not int or num_memories < 1:
        raise UserError(
            f'{name}: num_memories={num_memories!r}, expected the number of entries of a '
            "memory, 1 or more. The paper's is 64."
        )
