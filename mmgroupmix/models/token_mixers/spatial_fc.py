"""Mixing by one linear layer over tokens, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5
("SpatialFC" in its last stages): X' = W X for tokens X (N x C), with W (N x N) learnt.
"""

from torch import Tensor, nn

from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from .token_matrix import check_num_tokens, mix_by_matrix


@TOKEN_MIXERS.register_module()
class SpatialFC(nn.Module):
    """A linear layer over tokens without bias, shared by all channels (Table 5).

    Args:
        dim (int): Channels C; unused, as W is shared by all channels.
        num_tokens (int): Number of tokens N = H * W of this stage. A map of the same
            number of tokens but another shape is not noticed.

    Raises:
        UserError: If ``num_tokens`` is not a positive integer.
    """

    def __init__(self, dim: int, num_tokens: int):
        super().__init__()
        num_tokens = check_num_tokens('SpatialFC', num_tokens)
        self.fc = nn.Linear(num_tokens, num_tokens, bias=False)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, C) or (B, H, W, C) with N = H * W.

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.

        Raises:
            UserError: If there are not ``num_tokens`` tokens.
        """
        return mix_by_matrix('SpatialFC', self.fc.weight, x)
