"""Calls of a function as soon as a module has been imported.

Reason: a toolbox takes seconds to import, and importing this package must not import one.

Remove together with ``model_names``, ``coco_categories`` and ``config_packages``, which
use it.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Callback = Callable[[ModuleType], None]


def call_after_import(name: str, callback: Callback) -> None:
    """Call a function with a module once that is imported, at once if it already is.

    Args:
        name (str): The full name of the module.
        callback (Callable): What to call; its argument is the module.
    """
    if name in sys.modules:
        callback(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Finder(name, callback))


class _Finder(MetaPathFinder):
    """Finds one module, once, by asking the other finders."""

    def __init__(self, name: str, callback: Callback):
        self.name = name
        self.callback = callback

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.callback)
        return spec


class _Loader(Loader):
    """Loads a module with its own loader, then calls the function."""

    def __init__(self, loader: Loader, callback: Callback):
        self.loader = loader
        self.callback = callback

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on, the module belongs to its own loader: inspect and pickle ask it.
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        self.callback(module)
