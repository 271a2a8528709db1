"""Configs of a toolbox that is installed under another name: ``mmseg::fcn/...``.

Reason: for ``_base_ = 'mmseg::...'`` and ``mmengine.hub.get_config``, mmengine looks for
a distribution by the name that OpenMMLab gave it, such as mmsegmentation. The onedl
family has another, and mmengine reports that mmsegmentation is not installed.

Remove when mmengine finds the configs of onedl-mmsegmentation.
"""

import importlib.util
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType

from .after_import import call_after_import


def find_config_packages() -> None:
    """Let mmengine find the configs of the toolboxes by their modules."""
    call_after_import('mmengine.config.utils', _use_module_names)


def _use_module_names(utils: ModuleType) -> None:
    for module, name in utils.MODULE2PACKAGE.items():
        if module != name and not _is_distribution(name) and _is_module(module):
            # Without a distribution of that name, mmengine takes the module's folder.
            utils.MODULE2PACKAGE[module] = module


def _is_distribution(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # something keeps it from being found
        return False
