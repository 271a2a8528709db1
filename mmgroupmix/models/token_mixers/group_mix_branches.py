"""The branches of Group-Mix Attention, one for each segment of the channels.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3.2: four pre-attention branches, whose two heads attend to the group proxies of a
segment, and the non-attention branch.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.depthwise import convolve_depthwise
from ..layers.group_proxies import GroupProxies
from ..layers.layout import make_dense_on_gpu, to_map, to_tokens
from ..layers.packed import pack_pointwise
from ..layers.position import HeadwiseConv2d
from ..layers.precision import disable_autocast, promote_to_float32
from ..layers.recomputation import apply_to_batch_norm, recompute
from ..layers.separable_conv import SeparableConv2d


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
        """(B, H, W, 3c), the q, k and v parts of the segment, to (B, H, W, c)."""
        if not isinstance(self.position, HeadwiseConv2d):  # fused
            return self.mix_proxies(self.aggregate(qkv), qkv.shape[1:3])
        function = partial(self.activate_and_mix, qkv.shape[1:3])
        kernels = self.position.merge_kernels()
        maps = self.aggregate_maps(qkv)
        return apply_to_batch_norm(function, self.norm, maps, *kernels)

    def activate_and_mix(
        self, size: Sequence[int], x: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        """Attend to normalised maps (B, HW, 3, c), with kernels of the position."""
        encode = partial(convolve_depthwise, weight=weight, bias=bias)
        return self.mix_proxies(self.activation(x), size, encode)

    def mix_proxies(
        self,
        proxies: Tensor,
        size: Sequence[int],
        encode: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Attend to proxies (B, HW, 3, c) of a map of that size: (B, H, W, c)."""
        q, k, v = proxies.unbind(2)  # (B, HW, c) each
        v = make_dense_on_gpu(v)
        image = to_map(v.unflatten(1, size))
        encoded = self.position(image) if encode is None else encode(image)
        position = to_tokens(encoded).flatten(1, 2)
        return torch.addcmul(self.attend(q, k, v), q, position).unflatten(1, size)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Linear attention with a softmax of k over tokens, (B, N, c) each."""
        # A softmax over 16384 tokens leaves float16's range: at least float32 here.
        with disable_autocast(k):
            context = promote_to_float32(k).softmax(dim=1).mT @ promote_to_float32(v)
            context = context * self.head_scale  # (B, c, c), two heads
        return q @ context.to(q.dtype)

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

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c) to (B, H, W, c)."""
        tokens = to_tokens(self.aggregator(to_map(qkv)))
        return recompute(self.normalize, tokens, *self.norm.parameters())

    def normalize(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Layer norm with the given parameters, and Hardswish."""
        return F.hardswish(F.layer_norm(x, weight.shape, weight, bias, self.norm.eps))

    def fuse(self) -> None:
        """Let the pointwise convolution take tokens."""
        if isinstance(self.aggregator.pointwise, nn.Conv2d):
            self.aggregator.pointwise = pack_pointwise(self.aggregator.pointwise)
