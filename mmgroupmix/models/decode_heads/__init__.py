"""Decode heads for mmsegmentation, the only models here that need a toolbox.

mmsegmentation is imported when a head is asked for, not before: without it, everything
else works, and the head reports what is missing.
"""

from typing import Any

from torch import nn

from ...compat import require_toolbox
from ...registry import MODELS


@MODELS.register_module(name='EAHead')
def build_ea_head(**arguments: Any) -> nn.Module:
    """Build an :class:`EAHead`, whose class needs mmsegmentation.

    Args:
        **arguments: Arguments of the class.

    Returns:
        EAHead: The head.

    Raises:
        ImportError: If mmsegmentation is missing or cannot be imported.
        UserError: If an argument is not as the class describes.
    """
    return __getattr__('EAHead')(**arguments)


def __getattr__(name: str) -> type:
    if name != 'EAHead':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    require_toolbox('mmseg')
    from .ea_head import EAHead

    return EAHead
