from .backbones import GroupMixFormer, MetaFormer
from .layers.block import MetaFormerBlock
from .token_mixers import GroupMixAttention

__all__ = ['GroupMixAttention', 'GroupMixFormer', 'MetaFormer', 'MetaFormerBlock']
