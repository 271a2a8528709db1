"""Mixing by one fixed random matrix, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5:
X' = W X for tokens X (N x C), where W (N x N) is random and never trained.
"""

import torch
from torch import Tensor, nn

from ...registry import TOKEN_MIXERS
from .token_matrix import check_num_tokens, mix_by_matrix


@TOKEN_MIXERS.register_module()
class RandomMixing(nn.Module):
    """Random weighted means over all tokens, the same ones for every image (Table 5).

    A row of W is the softmax of N uniform random numbers between 0 and 1.

    Args:
        dim (int): Channels C; unused, as W is shared by all channels.
        num_tokens (int): Number of tokens N = H * W of this stage. A map of the same
            number of tokens but another shape is not noticed.

    Raises:
        UserError: If ``num_tokens`` is not a positive integer.
    """

    random_matrix: Tensor

    def __init__(self, dim: int, num_tokens: int):
        super().__init__()
        num_tokens = check_num_tokens('RandomMixing', num_tokens)
        # A buffer: a checkpoint is worthless without the matrix it was trained with.
        matrix = torch.rand(num_tokens, num_tokens).softmax(dim=-1)
        self.register_buffer('random_matrix', matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, N, C) or (B, H, W, C) with N = H * W.

        Returns:
            Tensor: Mixed tokens, of the shape of ``x``.

        Raises:
            UserError: If there are not ``num_tokens`` tokens.
        """
        return mix_by_matrix('RandomMixing', self.random_matrix, x)
