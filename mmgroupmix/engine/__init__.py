"""Hooks, model wrappers and optimizer wrappers for mmengine's runner."""

from .hooks import ClassNumCheckHook, CurveHook, ShardedCheckpointHook
from .model_wrappers import FullyShardedModel
from .optimizers import BFloat16OptimWrapper, GroupedOptimWrapperConstructor

__all__ = [
    'BFloat16OptimWrapper',
    'ClassNumCheckHook',
    'CurveHook',
    'FullyShardedModel',
    'GroupedOptimWrapperConstructor',
    'ShardedCheckpointHook',
]
