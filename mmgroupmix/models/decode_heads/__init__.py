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


#: Arguments of a head, which the published EANet does not have.
_HEAD_ARGUMENTS = ('in_channels', 'num_classes', 'channels')


@MODELS.register_module(name='EANet')
def build_eanet(**arguments: Any) -> nn.Module:
    """Build the published EANet, a segmentor, or its head where that is meant.

    Args:
        **arguments: ``n_classes`` and ``n_layers`` of the published class, with those of
            mmsegmentation's segmentor; or the arguments of an :class:`EAHead`.

    Returns:
        nn.Module: The segmentor or the head.

    Raises:
        ImportError: If mmsegmentation is missing or cannot be imported.
        UserError: If an argument is not as described.
    """
    if 'n_classes' not in arguments and any(n in arguments for n in _HEAD_ARGUMENTS):
        return build_ea_head(**arguments)
    require_toolbox('mmseg')
    from .eanet import build_eanet

    return build_eanet(arguments)


def __getattr__(name: str) -> type:
    if name != 'EAHead':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    require_toolbox('mmseg')
    from .ea_head import EAHead

    return EAHead
