from . import token_mixers
from .backbones import GroupMixFormer, MetaFormer, PoolFormer
from .layers.block import MetaFormerBlock
from .token_mixers import *  # noqa: F403  every mixer, by its own list

__all__ = [
    'GroupMixFormer', 'MetaFormer', 'MetaFormerBlock', 'PoolFormer',
    *token_mixers.__all__
]
