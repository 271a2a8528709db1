"""Let torch load mmengine's own checkpoints, with everything else still refused.

Reason: since 2.6 ``torch.load`` loads weights only, unless told otherwise, and a
checkpoint of mmengine also holds its message hub: ``HistoryBuffer`` objects with numpy
arrays in them. mmengine 0.10.7, the last of the classic family, cannot resume there.
The classes that such a file contains are declared safe here, one by one. Nothing is
loaded with ``weights_only=False``, so that a file that names anything else is refused
as before.

Remove when the oldest mmengine that is supported declares them itself.
"""

from collections.abc import Callable
from functools import lru_cache
from pickle import UnpicklingError

import numpy as np
import torch

# The number types that a log value or a metric may have.
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
    """Declare the contents of mmengine's checkpoints safe to ``torch.load``.

    Does nothing without mmengine, or with a torch that has no such declarations.
    """
    declare = getattr(torch.serialization, 'add_safe_globals', None)
    if declare is None:
        return
    try:
        from mmengine.logging.history_buffer import HistoryBuffer
    except ModuleNotFoundError:
        return
    declare([HistoryBuffer, _statistic_of_history_buffer, *_numpy_globals()])


def _statistic_of_history_buffer(owner: type, name: str) -> Callable:
    """The only use of ``getattr`` that mmengine's checkpoints make.

    A buffer is saved with its statistics, which are functions of its class, and pickle
    writes these as ``getattr(HistoryBuffer, 'mean')``. The builtin itself must stay
    forbidden: with it a file could reach any object from any other.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    # A buffer registers its statistics when the first one is made: not yet, in a new
    # process that resumes.
    if owner is not HistoryBuffer or name not in HistoryBuffer()._statistics_methods:
        raise UnpicklingError(
            'a checkpoint may ask only for the statistics of HistoryBuffer, not for '
            f'{name!r} of {owner!r}'
        )
    return getattr(HistoryBuffer, name)


# torch looks a global up by these two.
_statistic_of_history_buffer.__module__ = 'builtins'
_statistic_of_history_buffer.__qualname__ = 'getattr'


@lru_cache(maxsize=1)
def _numpy_globals() -> list[Callable]:
    """What numpy 1 and 2 name in a pickled array or scalar, whichever is installed."""
    multiarray = (np._core if hasattr(np, '_core') else np.core).multiarray
    functions = [
        _renamed(function, f'{package}.multiarray', name)
        for package in ('numpy.core', 'numpy._core')
        for name, function in (
            ('_reconstruct', multiarray._reconstruct),
            ('scalar', multiarray.scalar),
        )
    ]
    dtype_classes = [type(np.dtype(name)) for name in _SCALAR_TYPES]
    return [*functions, np.ndarray, np.dtype, *dtype_classes]


def _renamed(function: Callable, module: str, name: str) -> Callable:

    def renamed(*args):
        return function(*args)

    renamed.__module__, renamed.__name__, renamed.__qualname__ = module, name, name
    return renamed
