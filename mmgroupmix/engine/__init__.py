"""What training needs and mmengine lacks.

Importing this registers hooks and an optimizer constructor; the commands behind
``tools/`` are in ``training`` and ``testing``, and import a toolbox only when a config
asks for it.
"""

from .curve_hook import CurveHook
from .label_check_hook import LabelCheckHook
from .param_groups import GroupedOptimWrapperConstructor

__all__ = ['CurveHook', 'GroupedOptimWrapperConstructor', 'LabelCheckHook']
