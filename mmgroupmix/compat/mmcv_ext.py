"""Stand-in for ``mmcv._ext``, the compiled module of mmcv.

Reason: ``pip install onedl-mmcv`` and ``pip install mmcv-lite`` install no compiled
operators, building them takes long and fails with recent versions of torch, and ``mmdet``
cannot be imported without them. Most of those that the toolboxes use can be built from
torch and torchvision; ``docs/operators.md`` lists all operators of mmcv.

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

from ..errors import MissingOperatorError

STAND_IN_FOR = 'mmcv._ext'

#: What a config can use in place of an operator without a substitute, by the beginning of
#: the operator's name.
ALTERNATIVES = {
    'carafe': "`upsample_cfg=dict(type='nearest')` in place of 'carafe', or the neck FPN",
    'deform_roi_pool': "`roi_layer=dict(type='RoIAlign', ...)`",
    'line_nms': 'another detector than CLRNet',
    'nms_match': 'another sampler than ScoreHLRSampler, such as RandomSampler',
    'prroi_pool': "`roi_layer=dict(type='RoIAlign', ...)`",
    'psamask': 'another decode head than PSAHead',
    'sync_bn': "`norm_cfg=dict(type='SyncBN')` in place of 'MMSyncBN'",
    'softmax_focal_loss': 'the sigmoid focal loss',
}


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
        alternatives = [
            use for part, use in ALTERNATIVES.items() if name.startswith(part)
        ]
        instead = f'use {alternatives[0]}, or ' if alternatives else ''
        raise MissingOperatorError(
            f'mmcv was installed without compiled operators, and for {name!r} mmgroupmix '
            f'has no substitute: {instead}install a compiled mmcv. After `pip uninstall '
            '-y onedl-mmcv mmcv-lite mmcv`, run `mim install "mmcv>=2.0.0"` where '
            'OpenMMLab built one for your torch and CUDA, otherwise `MMCV_WITH_OPS=1 '
            'FORCE_CUDA=1 pip install --no-build-isolation .` in its source tree.'
        )

    operator.__name__ = operator.__qualname__ = name
    return operator
