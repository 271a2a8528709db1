from .groupmixformer import GroupMixFormer
from .metaformer import MetaFormer
from .poolformer import PoolFormer

__all__ = ['GroupMixFormer', 'MetaFormer', 'PoolFormer']
