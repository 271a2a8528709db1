"""The branches of Group-Mix Attention, one for each segment of the channels.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3.2: four pre-attention branches, whose two heads attend to the group proxies of a
segment, and the non-attention branch.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..layers.functions import Activation, Chain, ChannelNorm
from ..layers.group_proxies import GroupProxies
from ..layers.layout import to_map, to_tokens
from ..layers.packed import pack_pointwise
from ..layers.position import HeadwiseConv2d
from ..layers.recomputation import recompute
from ..layers.separable_conv import SeparableConv2d


class PreAttentionBranch(GroupProxies):
    """Group proxies of one segment, and the position encoding of its two heads.

    Args:
        dim (int): Channels c = C/5 of the segment.
        kind (str): Kind of the aggregator, see :class:`GroupProxies`.
        kernel_size (int): Kernel side of the aggregator.
        width (int): Channels of the two heads together: c, or C/4 where the heads share
            the proxies of all segments.
        position_kernels (tuple[int, int]): Kernel sides of the relative position
            encoding, one per head.
        norm_cfg (dict): Config of the batch norm. Its training statistics pool over q, k
            and v.
    """

    def __init__(
        self,
        dim: int,
        kind: str,
        kernel_size: int,
        width: int,
        position_kernels: tuple[int, int],
        norm_cfg: Mapping,
    ):
        super().__init__(dim, kind, kernel_size, norm_cfg)
        self.position: Any = HeadwiseConv2d(width // 2, position_kernels)

    def fuse(self, num_maps: int = 3) -> None:
        """Fold the batch norm into the aggregator, if it can, and build kernels once."""
        super().fuse(num_maps)
        if isinstance(self.position, HeadwiseConv2d):
            self.position = self.position.merge()


class NonAttentionBranch(nn.Module):
    """Segment 4: its q, k and v parts pass one separable convolution, without attention.

    Args:
        dim (int): Channels c = C/5 of the segment.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.aggregator = SeparableConv2d(3 * dim, dim)
        self.norm = nn.LayerNorm(dim)
        normalize = ChannelNorm(self.norm.normalized_shape, self.norm.eps)
        self.activate_norm = Chain(normalize, Activation(nn.Hardswish()))

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c) to (B, H, W, c)."""
        tokens = to_tokens(self.aggregator(to_map(qkv)))
        return recompute(self.activate_norm, tokens, *self.norm.parameters())

    def fuse(self) -> None:
        """Let the pointwise convolution take tokens."""
        if isinstance(self.aggregator.pointwise, nn.Conv2d):
            self.aggregator.pointwise = pack_pointwise(self.aggregator.pointwise)
