"""Backbones, registered in ``MODELS``."""

from .eamlp import EAMLP
from .groupmixformer import GroupMixFormer
from .metaformer import MetaFormer
from .poolformer import PoolFormer
from .with_aggregators import WithAggregators
from .with_external_attention import WithExternalAttention

__all__ = [
    'EAMLP',
    'GroupMixFormer',
    'MetaFormer',
    'PoolFormer',
    'WithAggregators',
    'WithExternalAttention',
]
