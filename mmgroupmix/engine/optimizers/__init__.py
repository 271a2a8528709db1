"""Optimizer wrappers and their constructors."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .grouped_constructor import GroupedOptimWrapperConstructor

__all__ = ['BFloat16OptimWrapper', 'GroupedOptimWrapperConstructor']
