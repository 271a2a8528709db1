"""No token mixing at all, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5: such
a backbone mixes tokens in its patch embeddings alone, and still learns.
"""

from torch import Tensor, nn

from ...registry import TOKEN_MIXERS


@TOKEN_MIXERS.register_module()
class Identity(nn.Module):
    """Returns its input (Table 5).

    Args:
        dim (int): Channels C; not used, since it has no weights.
    """

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, ..., C) tokens."""
        return x
