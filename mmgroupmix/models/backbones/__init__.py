from .groupmixformer import GroupMixFormer
from .metaformer import MetaFormer

__all__ = ['GroupMixFormer', 'MetaFormer']
