"""Stand-in for ``mmcv._ext``, the compiled module of mmcv.

Reason: ``pip install onedl-mmcv`` and ``pip install mmcv-lite`` install no compiled
operators, building them takes long and fails with recent versions of torch, and ``mmdet``
cannot be imported without them. The detectors here only need NMS, RoIAlign and, on a GPU,
the focal loss; Deformable DETR, Mask2Former and similar models also need deformable
attention on a GPU. All of these can be built from torch and torchvision.

The stand-in is provided by a finder at the end of ``sys.meta_path``: Python asks it only
after all other finders have failed to find ``mmcv._ext``, so that a compiled module takes
precedence, and nothing is imported before mmcv imports its operators.

Remove when mmcv is published with operators for the torch that this package requires.
"""

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

STAND_IN_FOR = 'mmcv._ext'


def install_stand_in() -> None:
    """Let ``import mmcv._ext`` fall back to the stand-in if mmcv has no such module."""
    if not any(isinstance(finder, _LastResortFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastResortFinder())


class StandInModule(ModuleType):
    """``mmcv._ext`` without compiled operators.

    mmcv asserts at import that every operator exists. Therefore every attribute exists,
    and an operator without a substitute raises an error when it is called.
    """

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        operator = _make_unavailable_operator(name)
        setattr(self, name, operator)
        return operator


class _LastResortFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
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


def _make_unavailable_operator(name: str) -> Callable:

    def operator(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'mmcv was installed without compiled operators, and {name!r} is not one '
            'of those for which mmgroupmix has a substitute. Install a compiled mmcv: '
            '`pip uninstall -y onedl-mmcv mmcv-lite mmcv`, then either install a '
            'wheel that OpenMMLab built for your torch and CUDA '
            '(`pip install -U openmim && mim install "mmcv>=2.0.0"`) or build it from '
            'its source tree with the torch that is installed '
            '(`MMCV_WITH_OPS=1 FORCE_CUDA=1 pip install --no-build-isolation .`).'
        )

    operator.__name__ = operator.__qualname__ = name
    return operator
