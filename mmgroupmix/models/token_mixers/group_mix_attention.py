"""Group-Mix Attention (GMA), the token mixer of GroupMixFormer.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3. Attention between single tokens becomes attention between *groups* of tokens:
q, k and v are split along channels into five segments. Four are the pre-attention
branches: one stays unchanged, three are aggregated over 3x3, 5x5 and 7x7 neighbourhoods
(the group proxies), and then attention runs over all four. The fifth is the non-attention
branch.

The eight heads have C/10 channels and a segment has C/5: every segment holds two whole
heads. So attention is computed segment by segment, on views, and only the results are
concatenated.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...arguments import check_argument, check_odd, check_sequence
from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from ..layers.layout import to_map, to_tokens
from ..layers.norm import build_batch_norm, fold_batch_norm
from ..layers.position import HeadwiseConv2d
from ..layers.precision import disable_autocast, promote_to_float32
from ..layers.separable_conv import SeparableConv2d, SharedSeparableConv2d

NUM_SEGMENTS = 5
NUM_HEADS = 8
#: Kernel sides of the position encoding for the two heads of each pre-attention branch.
POSITION_KERNELS = ((3, 3), (5, 5), (5, 7), (7, 7))


@TOKEN_MIXERS.register_module()
class GroupMixAttention(nn.Module):
    """Group-Mix Attention on tokens (Section 3.2, Equations 3 to 5).

    The rows of the ``qkv`` projection are ordered by segment first: the q, k and v parts
    of a segment are neighbours in memory, so that one depthwise convolution serves all
    three.

    Args:
        dim (int): Channels C, a multiple of 10.
        kernel_sizes (Sequence[int]): Odd kernel sides of the aggregators of segments 1, 2
            and 3. Defaults to (3, 5, 7).
        norm_cfg (dict): Config of the batch norms in the pre-attention branches.
            Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If ``dim`` is not a multiple of 10, or ``kernel_sizes`` are not three
            odd numbers.
    """

    def __init__(
        self,
        dim: int,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        norm_cfg: Mapping = dict(type='BN'),
    ):
        super().__init__()
        # Five segments of equal width, four of them with two heads each.
        check_argument(dim % 10 == 0, 'GroupMixAttention: dim', dim, 'a multiple of 10')
        name = 'GroupMixAttention: kernel_sizes'
        check_sequence(name, kernel_sizes, 3, 'odd numbers for segments 1, 2 and 3')
        for index, kernel_size in enumerate(kernel_sizes):
            check_odd(f'{name}[{index}]', kernel_size)
        self.segment = dim // NUM_SEGMENTS
        # Heads have C/10 channels, as they share 4/5 of C. The published code scales by
        # C/8 all the same, the width of eight heads on all of C, and its weights are
        # trained with that.
        scale = (dim / NUM_HEADS) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pre_attention = nn.ModuleList(
            PreAttentionBranch(self.segment, aggregator, position, scale, norm_cfg)
            for aggregator, position in zip((None, *kernel_sizes), POSITION_KERNELS)
        )
        self.non_attention = NonAttentionBranch(self.segment)
        self.proj = nn.Linear(dim, dim)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        segments = self.qkv(x).split(3 * self.segment, dim=-1)
        branches = (*self.pre_attention, self.non_attention)
        mixed = [branch(segment) for branch, segment in zip(branches, segments)]
        return self.proj(torch.cat(mixed, dim=-1))

    def fuse(self) -> None:
        """Fold every batch norm and build kernels once; the outputs stay the same."""
        for branch in self.pre_attention:
            if isinstance(branch, PreAttentionBranch):
                branch.fuse()
        identity = self.pre_attention[0]
        if isinstance(identity.norm, _BatchNorm):
            fold_into_qkv(self.qkv, identity.norm)
            identity.norm = nn.Identity()


class PreAttentionBranch(nn.Module):
    """Group proxies of one segment and the attention of its two heads.

    Args:
        dim (int): Channels c = C/5 of the segment.
        kernel_size (int, optional): Kernel side of the aggregator; None aggregates
            nothing (segment 0).
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
        kernel_size: int | None,
        position_kernels: tuple[int, int],
        scale: float,
        norm_cfg: Mapping,
    ):
        super().__init__()
        self.aggregator = (
            nn.Identity()
            if kernel_size is None
            else SharedSeparableConv2d(dim, kernel_size)
        )
        self.norm = build_batch_norm(norm_cfg, dim)
        self.position: nn.Module = HeadwiseConv2d(dim // 2, position_kernels)
        heads = torch.block_diag(*[torch.full((dim // 2, dim // 2), scale)] * 2)
        self.register_buffer('head_scale', heads, persistent=False)

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c), the q, k and v parts of the segment, to (B, H, W, c)."""
        batch, height, width, _ = qkv.shape
        qkv = self.aggregator(qkv).reshape(batch, height * width, 3, -1)
        # BN sees (B, c, HW, 3): one set of statistics for q, k and v together.
        proxies = F.hardswish(to_tokens(self.norm(to_map(qkv))))
        q, k, v = proxies.unbind(2)  # (B, HW, c) each
        image = to_map(v.unflatten(1, (height, width)))
        position = to_tokens(self.position(image)).flatten(1, 2)
        mixed = torch.addcmul(self.attend(q, k, v), q, position)
        return mixed.unflatten(1, (height, width))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Linear attention with a softmax of k over tokens, (B, N, c) each."""
        # A softmax over 16384 tokens leaves float16's range: at least float32 here.
        with disable_autocast(k):
            context = promote_to_float32(k).softmax(dim=1).mT @ promote_to_float32(v)
            context = context * self.head_scale  # (B, c, c), two heads
        return q @ context.to(q.dtype)

    def fuse(self) -> None:
        """Fold the batch norm into the aggregator, if any, and build kernels once."""
        if isinstance(self.aggregator, SharedSeparableConv2d):
            self.aggregator.fuse()
            self.aggregator.pointwise, self.norm = fold_batch_norm(
                self.aggregator.pointwise, self.norm
            )
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
        return F.hardswish(self.norm(to_tokens(self.aggregator(to_map(qkv)))))


def fold_into_qkv(qkv: nn.Linear, norm: _BatchNorm) -> None:
    """Fold the norm of segment 0, (c,), into the first 3c rows of the projection."""
    mean, variance = norm.get_buffer('running_mean'), norm.get_buffer('running_var')
    scale = norm.weight / (variance + norm.eps).sqrt()
    shift = norm.bias - scale * mean
    rows = slice(3 * norm.num_features)
    with torch.no_grad():
        qkv.weight[rows] *= scale.repeat(3)[:, None]
        qkv.bias[rows] = qkv.bias[rows] * scale.repeat(3) + shift.repeat(3)
