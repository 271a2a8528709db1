from . import decode_heads, token_mixers
from .backbones import (
    EAMLP,
    GroupMixFormer,
    MetaFormer,
    PoolFormer,
    WithExternalAttention,
)
from .layers.block import MetaFormerBlock
from .layers.external_attention_block import ExternalAttentionBlock
from .token_mixers import *  # noqa: F403  every mixer, by its own list

__all__ = [
    'EAMLP', 'ExternalAttentionBlock', 'GroupMixFormer', 'MetaFormer', 'MetaFormerBlock',
    'PoolFormer', 'WithExternalAttention', *token_mixers.__all__
]


def __getattr__(name: str):
    # It imports mmsegmentation, hence only where it is asked for.
    if name == 'EAHead':
        return decode_heads.EAHead
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
