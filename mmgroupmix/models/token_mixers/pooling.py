"""Pooling, the token mixer of PoolFormer.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.2,
Equation 4: every token becomes the mean of its K x K neighbourhood minus itself. There
are no parameters; what pooling cannot do is left to the block around it.
"""

from typing import ClassVar

from torch import Tensor, nn

from ...arguments import check_odd
from ...registry import TOKEN_MIXERS
from ..layers.layout import to_map, to_tokens


@TOKEN_MIXERS.register_module()
class Pooling(nn.Module):
    """Average pooling of stride 1, minus the input (Section 3.2, Equation 4).

    Args:
        dim (int): Channels C; not used, since it has no weights.
        pool_size (int): Odd side K of the neighbourhood. Defaults to 3.

    Raises:
        UserError: If ``pool_size`` is not a positive odd number.
    """

    #: A factor and a shift of every channel before the mixer are the same factor after
    #: it, and no shift.
    keeps_factors: ClassVar = True

    def __init__(self, dim: int, pool_size: int = 3):
        super().__init__()
        check_odd('Pooling: pool_size', pool_size)
        # The equation's 1 / K^2 holds inside the map. At its border, zeros from outside
        # would darken the mean: only tokens that exist are counted.
        self.pool = nn.AvgPool2d(
            pool_size, stride=1, padding=pool_size // 2, count_include_pad=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        # The block around the mixer adds the input again; hence the subtraction.
        # In place on the map itself: on a view, autograd would copy the gradient.
        maps = to_map(x)
        return to_tokens(self.pool(maps).sub_(maps))
