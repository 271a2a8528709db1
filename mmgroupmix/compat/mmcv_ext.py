"""A stand-in for ``mmcv._ext``, the compiled part of mmcv.

Reason: ``pip install onedl-mmcv`` and ``pip install mmcv-lite`` bring no compiled
operators, building them takes long and fails against recent torch, and ``mmdet`` does
not even import without them. Of all these operators the detectors here need only NMS,
RoIAlign and, on a GPU, the focal loss, and Deformable DETR, Mask2Former and their kin
deformable attention on a GPU; torchvision and torch have what these are made of.

The stand-in is offered by a finder at the very end of ``sys.meta_path``: Python asks it
only after every other finder failed to find ``mmcv._ext``, so that a compiled module
always wins, and nothing is imported before mmcv itself asks for its operators.

Remove when mmcv is published with operators for the torch that this package requires.
"""

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

STAND_IN_FOR = 'mmcv._ext'


def install_stand_in() -> None:
    """Offer the stand-in to ``import mmcv._ext``, if nothing else is found there."""
    if not any(isinstance(finder, _LastResortFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastResortFinder())


class StandInModule(ModuleType):
    """``mmcv._ext`` without compiled operators.

    mmcv asserts at import that every operator exists, so an attribute that is asked for
    is always there; an operator that has no substitute raises when it is called.
    """

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        operator = _unavailable(name)
        setattr(self, name, operator)
        return operator


class _LastResortFinder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        if fullname != STAND_IN_FOR:
            return None
        return ModuleSpec(fullname, _StandInLoader(), origin=__name__)


class _StandInLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandInModule(spec.name, doc=__doc__)

    def exec_module(self, module: ModuleType) -> None:
        from . import mmcv_operators

        for name in mmcv_operators.__all__:
            setattr(module, name, getattr(mmcv_operators, name))


def _unavailable(name: str) -> Callable:

    def operator(*args, **kwargs):
        raise NotImplementedError(
            f'mmcv was installed without compiled operators, and {name!r} is not one '
            'of the few that mmgroupmix provides in their place. Get a compiled mmcv: '
            '`pip uninstall -y onedl-mmcv mmcv-lite mmcv`, then either install a '
            'wheel that OpenMMLab built for your torch and CUDA '
            '(`pip install -U openmim && mim install "mmcv>=2.0.0"`) or build it from '
            'its source tree against the torch that is installed '
            '(`MMCV_WITH_OPS=1 FORCE_CUDA=1 pip install --no-build-isolation .`).'
        )

    operator.__name__ = operator.__qualname__ = name
    return operator
