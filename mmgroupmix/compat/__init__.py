"""What makes mmcv and mmengine work where they would not.

Each module here holds one piece, with its reason and the condition under which it is
to be removed:

- ``mmcv_ext``: stands in for mmcv's compiled operators, where they are absent.
- ``checkpoint_loading``: lets torch load mmengine's own checkpoints, and only those.
- ``toolboxes``: says how to install a toolbox that is missing or broken.
- ``distributed``: ``launcher='pytorch'`` on machines without an accelerator.
- ``config_formatting``: formats the config of a run once, not at every checkpoint.

``python -m mmgroupmix.compat SCRIPT [ARGUMENTS]`` runs a toolbox's own script with the
first two in place from its first import on.
"""

from .checkpoint_loading import allow_mmengine_checkpoints
from .config_formatting import format_once
from .distributed import prepare_distributed
from .mmcv_ext import install_stand_in
from .toolboxes import explained_import_failures, require_toolbox

__all__ = [
    'apply',
    'explained_import_failures',
    'format_once',
    'prepare_distributed',
    'require_toolbox',
]


def apply() -> None:
    """Put in place what has to be there before a toolbox is imported.

    It is cheap, changes nothing where nothing is amiss, and may be called again: it
    imports no toolbox, and not mmcv either. Without mmcv or mmengine it is silent.
    """
    install_stand_in()
    allow_mmengine_checkpoints()
    try:
        from . import data_parallel  # noqa: F401  registers the model wrapper
    except ModuleNotFoundError as error:
        if error.name != 'mmengine':
            raise
