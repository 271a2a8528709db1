"""Group-Mix Attention (GMA), the token mixer of GroupMixFormer.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3. Attention between single tokens becomes attention between *groups* of tokens:
q, k and v are split along channels into five segments. Four are the pre-attention
branches: one stays unchanged, three are aggregated over 3x3, 5x5 and 7x7 neighbourhoods
(the group proxies), and then attention runs over all four. The fifth is the non-attention
branch.

The eight heads have C/10 channels and a segment has C/5: every segment holds two whole
heads. What is computed for each channel runs on the proxies of all segments at once, and
products of heads segment by segment.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...arguments import (
    check_argument,
    check_choice,
    check_int,
    check_odd,
    check_sequence,
)
from ...registry import TOKEN_MIXERS
from ..layers.group_proxies import AGGREGATORS, GroupProxies
from ..layers.initialization import initialize
from ..layers.norm import apply_norm, has_statistics
from ..layers.packed import PackedLinear
from ..layers.position import HeadwiseConv2d, merge_kernels
from ..layers.recomputation import (
    Linear,
    apply_linear_to_norm,
    apply_to_batch_norms,
)
from ..layers.recording import has_hooks
from .group_mix_branches import NonAttentionBranch, PreAttentionBranch
from .proxy_attention import ProxyAttention
from .segments import NUM_SEGMENTS, split_segments

NUM_HEADS = 8
#: Kernel sides of the position encoding for the two heads of each pre-attention branch.
POSITION_KERNELS = ((3, 3), (5, 5), (5, 7), (7, 7))


@TOKEN_MIXERS.register_module()
class GroupMixAttention(nn.Module):
    """Group-Mix Attention on tokens (Section 3.2, Equations 3 to 5).

    The rows of the ``qkv`` projection are ordered by segment first: in a fused model, one
    product returns the q, k and v parts of a segment, and one depthwise convolution
    serves all three.

    Args:
        dim (int): Channels C, a multiple of 10; of 40 without a non-attention branch.
        kinds (str | Sequence[str]): Kind of the aggregators of segments 1, 2 and 3:
            ``'conv'``, ``'identity'``, ``'max_pool'``, ``'avg_pool'`` or ``'min_pool'``;
            or five kinds, one per segment. The last is ``'conv'`` for the non-attention
            branch, or ``'identity'``: then attention runs over all segments, in eight
            heads of C/8 channels. Defaults to ``'conv'``.
        kernel_sizes (int | Sequence[int]): Odd sides of the aggregators of segments 1, 2
            and 3: three, or one for all. Defaults to (3, 5, 7).
        aggregate_input (bool): Aggregate the segments of the input once, then compute q,
            k and v of the result and attend to them as they are. The last kind must be
            ``'identity'``. Defaults to False.
        norm_cfg (dict): Config of the batch norms behind the aggregators.
            Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If an argument is not as described.
    """

    #: Blocks pass the norm before the mixer instead of applying it.
    takes_norm: ClassVar = True

    head_scale: Tensor

    def __init__(
        self,
        dim: int,
        kinds: str | Sequence[str] = 'conv',
        kernel_sizes: int | Sequence[int] = (3, 5, 7),
        aggregate_input: bool = False,
        norm_cfg: Mapping = dict(type='BN'),
    ):
        super().__init__()
        *kinds, last_kind = resolve_kinds(kinds)
        kernel_sizes = resolve_kernel_sizes(kernel_sizes)
        heads_share_segments = last_kind == 'identity'
        check_argument(
            heads_share_segments or not aggregate_input,
            'GroupMixAttention: aggregate_input',
            aggregate_input,
            "False, or 'identity' as the last of five kinds: the non-attention branch "
            'needs q, k and v',
        )
        # Segments have C/5 channels, pairs of heads too, or C/4 if they share segments.
        multiple = 40 if heads_share_segments else 10
        name = 'GroupMixAttention: dim'
        check_int(name, dim, 1, f'It must be a multiple of {multiple}.')
        check_argument(dim % multiple == 0, name, dim, f'a multiple of {multiple}')
        self.segment = dim // NUM_SEGMENTS
        self.aggregate_input = aggregate_input
        width = dim // 4 if heads_share_segments else self.segment
        # Heads have C/10 channels, as they share 4/5 of C. The published code scales by
        # C/8 all the same, the width of eight heads on all of C, and its weights are
        # trained with that.
        scale = (dim / NUM_HEADS) ** -0.5
        self.qkv: nn.Linear = Linear(dim, 3 * dim)
        self.pre_attention = nn.ModuleList(
            PreAttentionBranch(self.segment, kind, side, width, position, norm_cfg)
            for kind, side, position in zip(kinds, (1, *kernel_sizes), POSITION_KERNELS)
        )
        self.non_attention = (
            GroupProxies(self.segment, 'identity', 1, norm_cfg)
            if heads_share_segments
            else NonAttentionBranch(self.segment)
        )
        heads = torch.block_diag(*[torch.full((width // 2, width // 2), scale)] * 2)
        self.register_buffer('head_scale', heads, persistent=False)
        self.proj: nn.Linear = Linear(dim, dim)
        self.apply(initialize)

    def forward(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).
            norm (nn.Module, optional): Applied to the tokens first. Defaults to None.

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        if isinstance(self.non_attention, GroupProxies):
            x = x if norm is None else apply_norm(norm, x)
            return self.proj(self.attend_across_segments(x))
        if isinstance(self.qkv, PackedLinear):
            x = x if norm is None else apply_norm(norm, x)
            segments: Sequence[Tensor] = self.qkv.compute_parts(x)
        else:
            qkv = apply_linear_to_norm(self.qkv, norm, x)
            segments = split_segments(qkv, self.segment)
        mixed = self.attend_within_segments(segments[:-1], x.shape[1:3])
        return self.proj(torch.cat([*mixed, self.non_attention(segments[-1])], dim=-1))

    def attend_within_segments(
        self, segments: Sequence[Tensor], size: Sequence[int]
    ) -> list[Tensor]:
        """Attend in two heads for each segment.

        Args:
            segments (Sequence[Tensor]): Of each pre-attention branch, q, k and v of a
                segment: (3B, H, W, c), all of q first, or side by side, (B, H, W, 3c).
            size (Sequence[int]): Height and width of the map.

        Returns:
            list[Tensor]: (B, H, W, c) of each segment, or (B, H, W, 4c) of all of them.
        """
        attention = self.build_attention(size)
        branches = self.list_pre_attention()
        pairs = list(zip(branches, segments))
        if not all(map(is_plain, branches)):
            return [attention.attend(b.aggregate(part), b.position) for b, part in pairs]
        # All at once: fewer calls, at the price of a copy.
        maps = [branch.aggregate_maps(part) for branch, part in pairs]
        norms = [branch.norm for branch in branches]
        kernels = merge_kernels([c for b in branches for c in b.position.convs])
        return [apply_to_batch_norms(attention, norms, maps, *kernels)]

    def attend_across_segments(self, x: Tensor) -> Tensor:
        """Attend in eight heads that share all segments, (B, H, W, C) to the same."""
        if self.aggregate_input:
            qkv = self.qkv(self.aggregate(x).reshape(x.shape)).flatten(1, 2)
            qkv = qkv.unflatten(-1, (3, -1))
        else:
            qkv = self.aggregate(self.qkv(x))  # (B, HW, 3, C)
        attention = self.build_attention(x.shape[1:3])
        branches = self.list_pre_attention()
        pairs = zip(branches, qkv.chunk(len(branches), dim=-1))  # (B, HW, 3, C/4) each
        mixed = [attention.attend(part, branch.position) for branch, part in pairs]
        return torch.cat(mixed, dim=-1)

    def build_attention(self, size: Sequence[int]) -> ProxyAttention:
        """The attention on maps of that size."""
        height, width = size
        return ProxyAttention((height, width), self.head_scale)

    def aggregate(self, x: Tensor) -> Tensor:
        """Aggregate all five segments, (B, H, W, n C) to (B, HW, n, C)."""
        segments = x.chunk(NUM_SEGMENTS, dim=-1)
        branches = self.list_aggregating_branches()
        proxies = [branch.aggregate(part) for branch, part in zip(branches, segments)]
        return torch.cat(proxies, dim=-1)

    def list_pre_attention(self) -> list['PreAttentionBranch']:
        """The branches with two heads each."""
        return [b for b in self.pre_attention if isinstance(b, PreAttentionBranch)]

    def list_aggregating_branches(self) -> list[GroupProxies]:
        """The segments' group proxies, in order; not those of a non-attention branch."""
        branches = (*self.pre_attention, self.non_attention)
        return [branch for branch in branches if isinstance(branch, GroupProxies)]

    def fuse(self) -> None:
        """Fold batch norms and build kernels once; the outputs stay the same."""
        for index, branch in enumerate(self.list_aggregating_branches()):
            branch.fuse(1 if self.aggregate_input else 3)
            if branch.is_mean and not self.aggregate_input:
                rows = slice(3 * self.segment * index, 3 * self.segment * (index + 1))
                fold_into_rows(self.qkv, rows, branch)
        self.pack()

    def pack(self) -> None:
        """Compute each segment of q, k and v by itself, and activate what can be."""
        if isinstance(self.non_attention, GroupProxies):
            return
        activations = ['none'] * NUM_SEGMENTS
        for index, branch in enumerate(self.list_pre_attention()):
            unchanged = isinstance(branch.aggregator, nn.Identity)
            if unchanged and isinstance(branch.norm, nn.Identity):
                activations[index] = 'hardswish'
                branch.activation = nn.Identity()
        self.qkv = PackedLinear(self.qkv.weight, self.qkv.bias, activations)


def is_plain(branch: PreAttentionBranch) -> bool:
    """Whether a branch is as it was built, and nobody looks at its parts."""
    parts = (branch.position, branch.activation)
    built = tuple(map(type, parts)) == (HeadwiseConv2d, nn.Hardswish)
    return built and not any(map(has_hooks, parts))


def resolve_kinds(kinds: str | Sequence[str]) -> list[str]:
    """Complete the kind of the three aggregators to five kinds, one per segment."""
    name = 'GroupMixAttention: kinds'
    if isinstance(kinds, str):
        kinds = ('identity', kinds, kinds, kinds, 'conv')
    check_sequence(name, kinds, NUM_SEGMENTS, 'one per segment, or one name for 1 to 3')
    for index, kind in enumerate(kinds):
        last = index == NUM_SEGMENTS - 1
        choices = ('conv', 'identity') if last else AGGREGATORS
        check_choice(f'{name}[{index}]', kind, choices)
    return list(kinds)


def resolve_kernel_sizes(kernel_sizes: int | Sequence[int]) -> Sequence[int]:
    """Complete the kernel sides to three, of segments 1, 2 and 3."""
    name = 'GroupMixAttention: kernel_sizes'
    if isinstance(kernel_sizes, int):
        kernel_sizes = (kernel_sizes,) * 3
    check_sequence(name, kernel_sizes, 3, 'odd numbers for segments 1, 2 and 3')
    for index, kernel_size in enumerate(kernel_sizes):
        check_odd(f'{name}[{index}]', kernel_size)
    return kernel_sizes


def fold_into_rows(qkv: nn.Linear, rows: slice, branch: GroupProxies) -> None:
    """Fold the batch norm of a branch, (c,), into its 3c rows of the projection."""
    norm = branch.norm
    if not has_statistics(norm):
        return
    mean, variance = norm.get_buffer('running_mean'), norm.get_buffer('running_var')
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    shift = -scale * mean
    if norm.affine:
        shift = shift + norm.bias
    with torch.no_grad():
        qkv.weight[rows] *= scale.repeat(3)[:, None]
        qkv.bias[rows] = qkv.bias[rows] * scale.repeat(3) + shift.repeat(3)
    branch.norm = nn.Identity()
