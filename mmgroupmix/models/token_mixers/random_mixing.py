"""Mixing by one fixed random matrix, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5:
X' = W X for tokens X (N x C), where W (N x N) stays as it was drawn.
"""

import torch
from torch import Tensor, nn

from ...registry import TOKEN_MIXERS
from .num_tokens import check_num_tokens, check_num_tokens_argument


@TOKEN_MIXERS.register_module()
class RandomMixing(nn.Module):
    """A random mean over all tokens, the same one for every image (Table 5).

    A row of W is the softmax of N uniform random numbers from 0 to 1.

    Args:
        dim (int): Channels C: any, for there is nothing to learn.
        num_tokens (int): Tokens N of the maps to come, H * W of this stage. Only their
            number is checked: it cannot tell 14 x 14 from 7 x 28.

    Raises:
        UserError: If ``num_tokens`` is no positive number or, in the forward pass, not
            the number of tokens given.
    """

    def __init__(self, dim: int, num_tokens: int):
        super().__init__()
        check_num_tokens_argument('RandomMixing', num_tokens)
        self.num_tokens = num_tokens
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
        check_num_tokens('RandomMixing', self.num_tokens, x.shape[1:-1])
        mixed = self.random_matrix @ x.flatten(1, -2)  # (B, N, C)
        return mixed.reshape(x.shape)
