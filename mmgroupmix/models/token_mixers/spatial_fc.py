"""Mixing by one linear layer over tokens, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5
("SpatialFC" in its last stages): X' = W X for tokens X (N x C), with W (N x N) learnt.
"""

from torch import Tensor, nn

from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from .num_tokens import check_num_tokens, check_num_tokens_argument


@TOKEN_MIXERS.register_module()
class SpatialFC(nn.Module):
    """A linear layer over tokens without bias, shared by all channels (Table 5).

    Args:
        dim (int): Channels C: any, for they share the weights.
        num_tokens (int): Tokens N of the maps to come, H * W of this stage. Only their
            number is checked: it cannot tell 14 x 14 from 7 x 28.

    Raises:
        UserError: If ``num_tokens`` is no positive number or, in the forward pass, not
            the number of tokens given.
    """

    def __init__(self, dim: int, num_tokens: int):
        super().__init__()
        check_num_tokens_argument('SpatialFC', num_tokens)
        self.num_tokens = num_tokens
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
        check_num_tokens('SpatialFC', self.num_tokens, x.shape[1:-1])
        mixed = self.fc(x.flatten(1, -2).mT)  # (B, C, N)
        return mixed.mT.reshape(x.shape).contiguous()
