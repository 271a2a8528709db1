"""Hooks for mmengine's runner."""

from .class_num_check_hook import ClassNumCheckHook
from .curve_hook import CurveHook
from .sharded_checkpoint_hook import ShardedCheckpointHook

__all__ = ['ClassNumCheckHook', 'CurveHook', 'ShardedCheckpointHook']
