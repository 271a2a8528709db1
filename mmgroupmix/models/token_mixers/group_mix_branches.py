"""The branches of Group-Mix Attention, one for each segment of the channels.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3.2: four pre-attention branches, whose two heads attend to the group proxies of a
segment, and the non-attention branch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..layers.functions import Activation, Chain, ChannelNorm
from ..layers.group_proxies import GroupProxies
from ..layers.layout import to_map, to_tokens
from ..layers.packed import pack_pointwise
from ..layers.position import HeadwiseConv2d
from ..layers.recomputation import apply_to_batch_norm, recompute
from ..layers.recording import has_hooks
from ..layers.separable_conv import SeparableConv2d
from .proxy_attention import ProxyAttention


class PreAttentionBranch(GroupProxies):
    """Group proxies of one segment, and the attention of two heads.

    Args:
        dim (int): Channels c = C/5 of the segment.
        kind (str): Kind of the aggregator, see :class:`GroupProxies`.
        kernel_size (int): Kernel side of the aggregator.
        width (int): Channels of the two heads together: c, or C/4 where the heads share
            the proxies of all segments.
        position_kernels (tuple[int, int]): Kernel sides of the relative position
            encoding, one per head.
        scale (float): Factor of the attention result.
        norm_cfg (dict): Config of the batch norm. Its training statistics pool over q, k
            and v.
    """

    head_scale: Tensor

    def __init__(
        self,
        dim: int,
        kind: str,
        kernel_size: int,
        width: int,
        position_kernels: tuple[int, int],
        scale: float,
        norm_cfg: Mapping,
    ):
        super().__init__(dim, kind, kernel_size, norm_cfg)
        self.position: nn.Module = HeadwiseConv2d(width // 2, position_kernels)
        heads = torch.block_diag(*[torch.full((width // 2, width // 2), scale)] * 2)
        self.register_buffer('head_scale', heads, persistent=False)

    def forward(self, qkv: Tensor) -> Tensor:
        """Attend to the proxies of q, k and v.

        Args:
            qkv (Tensor): Their parts of the segment: (3B, H, W, c), all of q first, or
                side by side, (B, H, W, 3c).

        Returns:
            Tensor: (B, H, W, c).
        """
        height, width = qkv.shape[1:3]
        attention = ProxyAttention((height, width), self.head_scale)
        position: Any = self.position
        # Not if the branch is fused, or if somebody looks at its parts.
        parts = (type(position), type(self.activation))
        plain = parts == (HeadwiseConv2d, nn.Hardswish)
        if not plain or has_hooks(position) or has_hooks(self.activation):
            return attention.attend(self.aggregate(qkv), position)
        maps = self.aggregate_maps(qkv)
        kernels = position.merge_kernels()
        return apply_to_batch_norm(attention, self.norm, maps, *kernels)

    def attend(self, proxies: Tensor, size: Sequence[int]) -> Tensor:
        """Attend to proxies (B, HW, 3, c) of a map of that size: (B, H, W, c)."""
        height, width = size
        attention = ProxyAttention((height, width), self.head_scale)
        return attention.attend(proxies, self.position)

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
