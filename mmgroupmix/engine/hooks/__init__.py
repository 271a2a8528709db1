"""Hooks for mmengine's runner."""

from .class_num_check_hook import ClassNumCheckHook
from .curve_hook import CurveHook

__all__ = ['ClassNumCheckHook', 'CurveHook']
