"""Backbones, blocks, token mixers and heads."""

from . import decode_heads, token_mixers
from .backbones import (
    EAMLP,
    GroupMixFormer,
    MetaFormer,
    PoolFormer,
    WithAggregators,
    WithExternalAttention,
)
from .blocks import ExternalAttentionBlock, MetaFormerBlock
from .conversion import convert_state_dict
from .token_mixers import (
    DepthwiseConv,
    ExternalAttention,
    GroupMixAttention,
    Identity,
    MultiHeadExternalAttention,
    Pooling,
    RandomMixing,
    SelfAttention,
    SpatialFC,
    SpatialReductionAttention,
    WindowAttention,
)

__all__ = [
    'EAMLP',
    'DepthwiseConv',
    'ExternalAttention',
    'ExternalAttentionBlock',
    'GroupMixAttention',
    'GroupMixFormer',
    'Identity',
    'MetaFormer',
    'MetaFormerBlock',
    'MultiHeadExternalAttention',
    'PoolFormer',
    'Pooling',
    'RandomMixing',
    'SelfAttention',
    'SpatialFC',
    'SpatialReductionAttention',
    'WindowAttention',
    'WithAggregators',
    'WithExternalAttention',
    'convert_state_dict',
    'token_mixers',
]


def __getattr__(name: str) -> type:
    # It imports mmsegmentation, so only when it is asked for.
    if name == 'EAHead':
        return decode_heads.EAHead
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
