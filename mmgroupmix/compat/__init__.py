"""Workarounds for environments in which mmcv or mmengine would fail.

Each module states its reason and the condition under which it can be removed:

- ``mmcv_ext``: substitutes mmcv's compiled operators where they are missing.
- ``checkpoint_loading``: lets torch load mmengine's own checkpoints, and only those.
- ``toolboxes``: explains how to install a toolbox that is missing or broken.
- ``distributed``: supports torchrun and Slurm on machines without an accelerator.
- ``sync_batch_norm``: a SyncBN that runs there.
- ``activation_checkpointing``: keeps the gradients of mmengine's setting of that name.
- ``config_formatting``: formats the config of a run once instead of at every checkpoint.
- ``coco_categories``: lets mmdet match classes and categories by their names.
- ``config_packages``: lets configs inherit from those of onedl-mmsegmentation.
- ``model_names``: adds the names of the model index to those that the toolboxes know.

``python -m mmgroupmix.compat SCRIPT [ARGUMENTS]`` runs a script of a toolbox with the
first two in place before its first import.
"""

from .checkpoint_loading import allow_mmengine_checkpoints
from .coco_categories import match_categories_by_name
from .config_formatting import format_once
from .config_packages import find_config_packages
from .distributed import prepare_distributed
from .mmcv_ext import install_stand_in
from .model_names import add_model_names
from .toolboxes import explain_import_failures, require_toolbox

__all__ = [
    'apply',
    'explain_import_failures',
    'format_once',
    'prepare_distributed',
    'require_toolbox',
]


def apply() -> None:
    """Apply the workarounds that must be in place before a toolbox is imported.

    This is cheap, has no effect where none is needed and may be repeated. It imports
    neither a toolbox nor mmcv, and does not fail without mmcv or mmengine.
    """
    install_stand_in()
    allow_mmengine_checkpoints()
    add_model_names()
    match_categories_by_name()
    find_config_packages()
    try:
        from . import data_parallel  # noqa: F401  registers the model wrapper
    except ModuleNotFoundError as error:
        if error.name != 'mmengine':
            raise
