"""Hooks and optimizer constructors for mmengine's runner."""

from .hooks import ClassNumCheckHook, CurveHook
from .optimizers import GroupedOptimWrapperConstructor

__all__ = ['ClassNumCheckHook', 'CurveHook', 'GroupedOptimWrapperConstructor']
