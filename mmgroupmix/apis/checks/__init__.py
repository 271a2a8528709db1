"""Checks of a run before its first step."""

from .run import check_run, find_mistakes

__all__ = ['check_run', 'find_mistakes']
