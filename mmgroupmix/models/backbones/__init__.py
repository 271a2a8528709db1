"""Backbones, registered in ``MODELS``."""

from .eamlp import EAMLP
from .groupmixformer import GroupMixFormer
from .metaformer import MetaFormer
from .poolformer import PoolFormer
from .published_names import register_published_names
from .with_aggregators import WithAggregators
from .with_external_attention import WithExternalAttention

register_published_names()

__all__ = [
    'EAMLP',
    'GroupMixFormer',
    'MetaFormer',
    'PoolFormer',
    'WithAggregators',
    'WithExternalAttention',
]
