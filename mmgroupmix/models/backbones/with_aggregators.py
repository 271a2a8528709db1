"""Aggregators added to the attention of a toolbox's Swin or Pyramid Vision Transformer.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 4.3, its experiments with aggregators in other transformers. Their heads see
queries, keys and values of tokens and of group proxies, as in Group-Mix Attention.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_argument, check_call, check_sequence
from ...errors import UnknownArgumentError, UserError
from ...registry import MODELS
from ..layers.group_proxies import GroupProxies
from .base_backbone import build_backbone

OWNER = 'WithAggregators'


@MODELS.register_module(name='WithAggregators')
def add_aggregators(
    base: str | type | None = None,
    aggregators: Mapping | None = None,
    **backbone_arguments: Any,
) -> nn.Module:
    """Build a backbone and aggregate the queries, keys and values of its attention.

    A config needs one line more than for the backbone alone::

        backbone=dict(
            type='mmgroupmix.WithAggregators',
            base='SwinTransformer',  # previously the type
            arch='tiny')

    The result is the backbone itself, of its own class. Its own weights keep their names:
    its files load as before, and the aggregators are randomly initialised.

    Args:
        base (str | type): Type of the backbone, looked up as ``type`` would be: in the
            toolbox of the config, or as ``'mmdet.PyramidVisionTransformer'``. Its
            attention must be Swin's window attention (``WindowMSA``) or PVT's spatial
            reduction attention (``SpatialReductionAttention``).
        aggregators (dict, optional): Arguments of :class:`Aggregators`. Defaults to None:
            its defaults.
        **backbone_arguments: Arguments of the backbone.

    Returns:
        nn.Module: The backbone.

    Raises:
        UserError: If no backbone has that name, it has no such attention, or an argument
            is not as described.
    """
    if base is None:
        raise UnknownArgumentError(
            f'{OWNER}: base=None, expected the type of the backbone, such as '
            "base='SwinTransformer'."
        )
    options = dict(aggregators or {})
    check_call(f'{OWNER}: aggregators', Aggregators, (), dict(options, dim=0))
    backbone = build_backbone(OWNER, base, backbone_arguments)
    changed = [add_to_attention(module, options) for module in backbone.modules()]
    if not any(changed):
        raise UserError(
            f'{OWNER}: base={base!r}, expected a backbone with attention of type '
            f'WindowMSA or SpatialReductionAttention, such as SwinTransformer or '
            f'mmdet.PyramidVisionTransformer. {type(backbone).__name__} has neither.'
        )
    backbone.register_forward_hook(return_tuple)
    return backbone


#: The name in configs, where it is used like a class.
WithAggregators = add_aggregators


def add_to_attention(module: Any, options: Mapping) -> bool:
    """Add aggregators to a module if it is an attention that can have them."""
    # By name: both toolboxes have these classes, and this file imports neither.
    kind = type(module).__name__
    if kind == 'WindowMSA':
        module.qkv = AggregatedLinear.wrap(module.qkv, module.window_size, options)
    elif kind == 'SpatialReductionAttention':
        module.attn = AggregatedAttention.wrap(module.attn, module.sr_ratio, options)
        module.register_forward_pre_hook(set_map_size, with_kwargs=True)
    else:
        return False
    return True


class Aggregators(nn.Module):
    """Four segments of C/4 channels, each with an aggregator, batch norm and Hardswish.

    Args:
        dim (int): Channels C, a multiple of 4.
        kinds (Sequence[str]): Kind of each segment, as in :class:`GroupProxies`.
            Defaults to the identity and three convolutions.
        kernel_sizes (Sequence[int]): Odd kernel sides of the last three.
            Defaults to (3, 5, 7).
        norm_cfg (dict): Config of the batch norms. Defaults to ``dict(type='BN')``.
    """

    def __init__(
        self,
        dim: int,
        kinds: Sequence[str] = ('identity', 'conv', 'conv', 'conv'),
        kernel_sizes: Sequence[int] = (3, 5, 7),
        norm_cfg: Mapping = dict(type='BN'),
    ):
        super().__init__()
        check_argument(dim % 4 == 0, f'{OWNER}: channels', dim, 'a multiple of 4')
        check_sequence(f'{OWNER}: kinds', kinds, 4, 'one per segment')
        check_sequence(f'{OWNER}: kernel_sizes', kernel_sizes, 3, 'odd numbers')
        self.segments = nn.ModuleList(
            GroupProxies(dim // 4, kind, side, norm_cfg)
            for kind, side in zip(kinds, (1, *kernel_sizes))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, n, C), n maps, to (B, H, W, n, C)."""
        parts = x.chunk(len(self.segments), dim=-1)  # (B, H, W, n, C/4) each
        proxies = [
            segment.aggregate(part.flatten(-2))
            for segment, part in zip(self.segments, parts)
            if isinstance(segment, GroupProxies)
        ]
        return torch.cat(proxies, dim=-1).reshape(x.shape)


class AggregatedLinear(nn.Linear):
    """The projection to q, k and v of windows, with aggregators within each window."""

    aggregators: Aggregators
    window: Sequence[int]

    @classmethod
    def wrap(
        cls, linear: nn.Linear, window: Sequence[int], options: Mapping
    ) -> 'AggregatedLinear':
        """Take over the parameters of a projection of windows, C channels to 3C."""
        dim = linear.in_features
        wrapped = cls(dim, 3 * dim, linear.bias is not None, device='meta')
        wrapped.weight, wrapped.bias = linear.weight, linear.bias
        wrapped.aggregators = Aggregators(dim, **options)
        wrapped.window = window
        return wrapped

    def forward(self, x: Tensor) -> Tensor:
        """Windows of tokens, (B, N, C), to q, k and v, (B, N, 3C)."""
        qkv = super().forward(x)
        maps = qkv.unflatten(-1, (3, -1)).unflatten(1, tuple(self.window))
        return self.aggregators(maps).reshape(qkv.shape)


class AggregatedAttention(nn.MultiheadAttention):
    """Multi-head attention to a reduced map, with aggregators on q, on k and on v."""

    aggregators: Aggregators
    reduction: int
    size: tuple[int, int]

    @classmethod
    def wrap(
        cls, attention: nn.MultiheadAttention, reduction: int, options: Mapping
    ) -> 'AggregatedAttention':
        """Take over the parameters of an attention whose keys are also its values."""
        dim = attention.embed_dim
        has_bias = attention.in_proj_bias is not None
        wrapped = cls(dim, attention.num_heads, attention.dropout, has_bias)
        wrapped.load_state_dict(attention.state_dict())
        wrapped.aggregators = Aggregators(dim, **options)
        wrapped.reduction = reduction
        return wrapped

    def forward(  # type: ignore[override]  # what PVT's attention calls, and no more
        self, query: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, None]:
        """Attend: query (N, B, C), key and value (N / R^2, B, C) to (N, B, C)."""
        dim = self.embed_dim
        bias = self.in_proj_bias
        q_bias, kv_bias = (None, None) if bias is None else bias.split((dim, 2 * dim))
        q_rows, kv_rows = self.in_proj_weight.split((dim, 2 * dim))
        height, width = self.size
        reduced = (height // self.reduction, width // self.reduction)
        q = self.project(query, q_rows, q_bias, self.size)[:, :, 0]
        k, v = self.project(key, kv_rows, kv_bias, reduced).unbind(2)  # (B, N, C) each
        q, k, v = (
            t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in (q, k, v)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        mixed = mixed.transpose(1, 2).flatten(2).transpose(0, 1)  # (N, B, C)
        return self.out_proj(mixed), None

    def project(
        self, x: Tensor, rows: Tensor, bias: Tensor | None, size: tuple[int, int]
    ) -> Tensor:
        """(N, B, C) tokens of a map of that size to n aggregated maps, (B, N, n, C)."""
        projected = F.linear(x.transpose(0, 1), rows, bias)
        maps = projected.unflatten(-1, (-1, self.embed_dim)).unflatten(1, size)
        return self.aggregators(maps).flatten(1, 2)


def set_map_size(module: nn.Module, args: tuple, kwargs: dict) -> None:
    """Forward pre-hook: give the attention the size of the map, which PVT's own gets."""
    height, width = kwargs['hw_shape'] if 'hw_shape' in kwargs else args[1]
    attention: Any = module.get_submodule('attn')
    attention.size = (int(height), int(width))


def return_tuple(
    module: nn.Module, args: tuple, maps: Tensor | Sequence[Tensor]
) -> Tensor | tuple[Tensor, ...]:
    """Forward hook: mmdetection's PVT returns a list, which mmpretrain's necks refuse."""
    return maps if isinstance(maps, Tensor) else tuple(maps)
