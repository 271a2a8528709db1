"""Hooks, loops, model and optimizer wrappers for mmengine's runner."""

from .hooks import (
    ClassNumCheckHook,
    CurveHook,
    DurableCheckpointHook,
    InvalidLossHook,
    PreemptionHook,
    RandomStateHook,
    ShardedCheckpointHook,
)
from .inferencers import install_reading
from .json_handler import ValidJsonHandler
from .loops import ResumableEpochBasedTrainLoop, ResumableIterBasedTrainLoop
from .model_wrappers import FullyShardedModel
from .optimizers import BFloat16OptimWrapper, GroupedOptimWrapperConstructor

__all__ = [
    'BFloat16OptimWrapper',
    'ClassNumCheckHook',
    'CurveHook',
    'DurableCheckpointHook',
    'FullyShardedModel',
    'GroupedOptimWrapperConstructor',
    'InvalidLossHook',
    'PreemptionHook',
    'RandomStateHook',
    'ResumableEpochBasedTrainLoop',
    'ResumableIterBasedTrainLoop',
    'ShardedCheckpointHook',
    'ValidJsonHandler',
    'install_reading',
]
