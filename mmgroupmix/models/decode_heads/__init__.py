"""Decode heads for mmsegmentation: the only models here that need a toolbox.

mmsegmentation is imported when a head is asked for, not before: without it, everything
else works, and the head says what is missing.
"""

from ...compat import require_toolbox
from ...registry import MODELS


@MODELS.register_module(name='EAHead')
def build_ea_head(**arguments):
    """An :class:`EAHead`, whose class cannot exist before mmsegmentation is imported.

    Args:
        **arguments: Those of the class.

    Returns:
        EAHead: The head.

    Raises:
        ImportError: If mmsegmentation is missing or does not import.
        UserError: If an argument is not as the class describes.
    """
    return __getattr__('EAHead')(**arguments)


def __getattr__(name: str):
    if name != 'EAHead':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    require_toolbox('mmseg')
    from .ea_head import EAHead

    return EAHead
