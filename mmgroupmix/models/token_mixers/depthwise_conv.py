"""Mixing by a depthwise convolution, an ablation of the MetaFormer paper.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Table 5:
pooling with learnt weights, K x K of them per channel.
"""

from torch import Tensor, nn

from ...arguments import check_int, check_odd
from ...registry import TOKEN_MIXERS
from ..layers.layout import to_map, to_tokens


@TOKEN_MIXERS.register_module()
class DepthwiseConv(nn.Module):
    """Depthwise convolution of stride 1, without bias (Table 5).

    Args:
        dim (int): Channels C.
        kernel_size (int): Odd side K of the kernel. Defaults to 3.

    Raises:
        UserError: If ``kernel_size`` is not a positive odd number.
    """

    def __init__(self, dim: int, kernel_size: int = 3):
        super().__init__()
        check_int('DepthwiseConv: dim', dim, 1)
        check_odd('DepthwiseConv: kernel_size', kernel_size)
        self.conv = nn.Conv2d(
            dim, dim, kernel_size, padding=kernel_size // 2, groups=dim, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        return to_tokens(self.conv(to_map(x)))
