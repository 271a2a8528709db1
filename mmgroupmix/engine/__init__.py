"""Hooks, training loops and optimizer constructors for mmengine's runner."""

from .hooks import (
    ClassNumCheckHook,
    CurveHook,
    DurableCheckpointHook,
    InvalidLossHook,
    PreemptionHook,
    RandomStateHook,
)
from .loops import ResumableEpochBasedTrainLoop, ResumableIterBasedTrainLoop
from .optimizers import GroupedOptimWrapperConstructor

__all__ = [
    'ClassNumCheckHook',
    'CurveHook',
    'DurableCheckpointHook',
    'GroupedOptimWrapperConstructor',
    'InvalidLossHook',
    'PreemptionHook',
    'RandomStateHook',
    'ResumableEpochBasedTrainLoop',
    'ResumableIterBasedTrainLoop',
]
