"""Model wrappers for distributed training."""

from .fully_sharded import FullyShardedModel

__all__ = ['FullyShardedModel']
