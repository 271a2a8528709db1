"""Declarations that let ``torch.load`` read mmengine's own checkpoints.

Reason: since version 2.6, ``torch.load`` loads only weights by default. A checkpoint of
mmengine also contains its message hub, that is ``HistoryBuffer`` objects with numpy
arrays, so that mmengine 0.10.7, the last release of the classic family, cannot resume a
run. The classes in such a file are declared safe here, one by one. This concerns
``torch.load(weights_only=True)`` alone. mmengine 0.10.12 reads what that refuses once
more, without the protection: ``mmgroupmix.checkpoints.mmengine_loading`` replaces its
loaders.

Remove when the oldest supported mmengine declares these classes itself.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

# The types of number that a logged value or a metric may have.
_SCALAR_TYPES = (
    'bool',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float16',
    'float32',
    'float64',
)


def allow_mmengine_checkpoints() -> None:
    """Declare the classes in mmengine's checkpoints safe for ``torch.load``.

    This has no effect without mmengine, or with a torch that has no such declarations.
    """
    declare = getattr(torch.serialization, 'add_safe_globals', None)
    if declare is None:
        return
    try:
        from mmengine.logging.history_buffer import HistoryBuffer
    except ModuleNotFoundError:
        return
    if not hasattr(HistoryBuffer.__setstate__, '__wrapped__'):
        HistoryBuffer.__setstate__ = _without_statistics(HistoryBuffer.__setstate__)
    declare([HistoryBuffer, _get_history_buffer_statistic, *_list_numpy_globals()])


def _without_statistics(set_state: Callable) -> Callable:
    """Keep a file from changing the statistics of all buffers.

    mmengine adds those that a buffer was saved with to the ones of the class, which would
    let a file replace them for the whole process.
    """

    @wraps(set_state)
    def restore(buffer: Any, state: dict) -> None:
        own = {k: v for k, v in state.items() if k != 'statistics_methods'}
        set_state(buffer, own)

    return restore


def _get_history_buffer_statistic(owner: type, name: str) -> Callable:
    """Stand in for ``getattr``, as far as mmengine's checkpoints use it.

    A buffer is saved with its statistics, which are functions of its class, and pickle
    writes them as ``getattr(HistoryBuffer, 'mean')``. The builtin itself must stay
    forbidden: it would let a file reach any object from any other.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    # The class registers its statistics when the first buffer is created, which has not
    # happened yet in a new process that resumes a run.
    if owner is not HistoryBuffer or name not in HistoryBuffer()._statistics_methods:
        raise UnpicklingError(
            'a checkpoint may refer only to the statistics of HistoryBuffer, not to '
            f'{name!r} of {owner!r}'
        )
    return getattr(HistoryBuffer, name)


# torch looks a global up by these two attributes.
_get_history_buffer_statistic.__module__ = 'builtins'
_get_history_buffer_statistic.__qualname__ = 'getattr'


@lru_cache(maxsize=1)
def _list_numpy_globals() -> list[Callable]:
    """List the globals to which pickled arrays and scalars of numpy 1 and 2 refer."""
    multiarray = (np._core if hasattr(np, '_core') else np.core).multiarray
    functions = [
        _rename(function, f'{package}.multiarray', name)
        for package in ('numpy.core', 'numpy._core')
        for name, function in (
            ('_reconstruct', multiarray._reconstruct),
            ('scalar', multiarray.scalar),
        )
    ]
    dtype_classes = [type(np.dtype(name)) for name in _SCALAR_TYPES]
    return [*functions, np.ndarray, np.dtype, *dtype_classes]


def _rename(function: Callable, module: str, name: str) -> Callable:

    def renamed(*args: Any) -> Any:
        return function(*args)

    renamed.__module__, renamed.__name__, renamed.__qualname__ = module, name, name
    return renamed
