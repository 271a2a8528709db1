"""Hooks for mmengine's runner."""

from .class_num_check_hook import ClassNumCheckHook
from .curve_hook import CurveHook
from .durable_checkpoint_hook import DurableCheckpointHook
from .invalid_loss_hook import InvalidLossHook
from .loaded_weights_hook import LoadedWeightsHook
from .preemption_hook import PreemptionHook
from .random_state_hook import RandomStateHook
from .resumable_early_stopping_hook import ResumableEarlyStoppingHook
from .schedule_hook import ScheduleHook
from .sharded_checkpoint_hook import ShardedCheckpointHook

__all__ = [
    'ClassNumCheckHook',
    'CurveHook',
    'DurableCheckpointHook',
    'InvalidLossHook',
    'LoadedWeightsHook',
    'PreemptionHook',
    'RandomStateHook',
    'ResumableEarlyStoppingHook',
    'ScheduleHook',
    'ShardedCheckpointHook',
]
