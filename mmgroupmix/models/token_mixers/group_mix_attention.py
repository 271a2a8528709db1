"""Group-Mix Attention (GMA), the token mixer of GroupMixFormer.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3. Attention between single tokens becomes attention between *groups* of tokens:
q, k and v are cut along channels into five segments. Four are the pre-attention
branches: one stays as it is, three are aggregated over 3x3, 5x5 and 7x7 neighbourhoods
(the group proxies), then attention runs over all four. The fifth is the non-attention
branch.

The eight heads are C/10 wide and a segment is C/5: every segment holds two whole heads,
so attention is computed segment by segment, on views, and nothing but the result is
concatenated.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_weights

from ...errors import UserError
from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize
from ..layers.layout import to_map, to_tokens
from ..layers.norm import build_batch_norm
from ..layers.precision import at_least_float32, without_autocast
from ..layers.separable_conv import SeparableConv2d

NUM_SEGMENTS = 5
NUM_HEADS = 8
#: Kernel sides of the position term for the two heads of each pre-attention branch.
POSITION_KERNELS = ((3, 3), (5, 5), (5, 7), (7, 7))


@TOKEN_MIXERS.register_module()
class GroupMixAttention(nn.Module):
    """Group-Mix Attention on tokens (Section 3.2, Equations 3 to 5).

    The rows of the ``qkv`` projection are ordered by segment first: the q, k and v parts
    of a segment are neighbours in memory, so that one depthwise convolution serves all
    three.

    Args:
        dim (int): Channels C, a multiple of 10.
        kernel_sizes (tuple[int, int, int]): Odd kernel sides of the aggregators of
            segments 1, 2 and 3. Defaults to (3, 5, 7).
        norm_cfg (dict): Batch norm of the pre-attention branches.
            Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If ``dim`` is no multiple of 10, or ``kernel_sizes`` are not three
            odd numbers.
    """

    def __init__(
        self,
        dim: int,
        kernel_sizes: tuple[int, int, int] = (3, 5, 7),
        norm_cfg: dict = dict(type='BN'),
    ):
        super().__init__()
        if dim % 10:
            raise UserError(
                f'GroupMixAttention: dim={dim}, expected a multiple of 10: five segments '
                'of equal width, four of them with two heads each.'
            )
        if not (
            isinstance(kernel_sizes, (tuple, list))
            and len(kernel_sizes) == 3
            and all(type(k) is int and k > 0 and k % 2 for k in kernel_sizes)
        ):
            raise UserError(
                f'GroupMixAttention: kernel_sizes={kernel_sizes}, expected three odd '
                'numbers for segments 1, 2 and 3, such as (3, 5, 7).'
            )
        segment = dim // NUM_SEGMENTS
        scale = (dim / NUM_HEADS) ** -0.5
        self.segment = segment
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pre_attention = nn.ModuleList(
            PreAttentionBranch(segment, aggregator, position, scale, norm_cfg)
            for aggregator, position in zip((None, *kernel_sizes), POSITION_KERNELS)
        )
        self.non_attention = NonAttentionBranch(segment)
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
        """Fold every batch norm, for inference: the outputs stay the same."""
        identity, *aggregated = self.pre_attention
        rows = slice(0, 3 * self.segment)
        norm = identity.norm
        repeated = (
            t.repeat(3)
            for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        mean, variance, weight, bias = repeated
        with torch.no_grad():
            self.qkv.weight[rows], self.qkv.bias[rows] = fuse_linear_bn_weights(
                self.qkv.weight[rows],
                self.qkv.bias[rows],
                mean,
                variance,
                norm.eps,
                weight,
                bias,
            )
        identity.norm = nn.Identity()
        for branch in aggregated:
            branch.aggregator.pointwise = fuse_conv_bn_eval(
                branch.aggregator.pointwise, branch.norm
            )
            branch.norm = nn.Identity()


class PreAttentionBranch(nn.Module):
    """Group proxies of one segment and the attention of its two heads.

    Args:
        dim (int): Channels c = C/5 of the segment.
        kernel_size (int, optional): Kernel side of the aggregator; None aggregates
            nothing (segment 0).
        position_kernels (tuple[int, int]): Kernel sides of the relative position term,
            a head each.
        scale (float): Factor of the attention result.
        norm_cfg (dict): Batch norm. Its training statistics pool over q, k and v.
    """

    def __init__(
        self,
        dim: int,
        kernel_size: int | None,
        position_kernels: tuple[int, int],
        scale: float,
        norm_cfg: dict,
    ):
        super().__init__()
        self.aggregator = (
            nn.Identity()
            if kernel_size is None
            else SharedSeparableConv2d(dim, kernel_size)
        )
        self.norm = build_batch_norm(norm_cfg, dim)
        self.position = HeadwiseConv2d(dim // 2, position_kernels)
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
        """Linear attention: softmax over tokens in k, (B, N, c) each."""
        # A softmax over 16384 tokens leaves float16's range: at least float32 here.
        with without_autocast(k):
            context = at_least_float32(k).softmax(dim=1).mT @ at_least_float32(v)
            context = context * self.head_scale  # (B, c, c), two heads
        return q @ context.to(q.dtype)


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


class SharedSeparableConv2d(SeparableConv2d):
    """One separable convolution that serves q, k and v, adjacent in one tensor.

    Args:
        dim (int): Channels c of each of the three.
        kernel_size (int): Odd side of the depthwise kernel.
    """

    def __init__(self, dim: int, kernel_size: int):
        super().__init__(dim, dim, kernel_size)

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c) to (B, H, W, 3c)."""
        conv = self.depthwise
        maps = F.conv2d(
            to_map(qkv),
            conv.weight.repeat(3, 1, 1, 1),
            padding=conv.padding,
            groups=3 * conv.groups,
        )
        tokens = to_tokens(maps).unflatten(-1, (3, -1))  # (B, H, W, 3, c)
        return to_tokens(self.pointwise(to_map(tokens.flatten(1, 2))))


class HeadwiseConv2d(nn.Module):
    """Depthwise convolution with bias whose two heads have kernels of their own.

    Args:
        head_dim (int): Channels Ch of a head.
        kernel_sizes (tuple[int, int]): Odd kernel sides, a head each.
    """

    def __init__(self, head_dim: int, kernel_sizes: tuple[int, int]):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(head_dim, head_dim, k, padding=k // 2, groups=head_dim)
            for k in kernel_sizes
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 2 Ch, H, W) to (B, 2 Ch, H, W)."""
        side = max(conv.kernel_size[0] for conv in self.convs)
        # Kernels of one size run as one convolution: zeros around the smaller.
        margins = [(side - conv.kernel_size[0]) // 2 for conv in self.convs]
        weight = torch.cat(
            [
                F.pad(conv.weight, [margin] * 4)
                for conv, margin in zip(self.convs, margins)
            ]
        )
        bias = torch.cat([conv.bias for conv in self.convs])
        return F.conv2d(image, weight, bias, padding=side // 2, groups=len(weight))
