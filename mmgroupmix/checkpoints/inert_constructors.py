"""What a pickle may build: tensors, numpy arrays, histories of logs, plain containers.

Every constructor checks its arguments, and charges what it copies to the budget of the
reading, before it builds anything: a few bytes of a pickle can repeat a call of a large
argument.
"""

import pickle
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np
import torch

from . import inert_tensors
from .pickle_limits import UnsafePickleError, check_keys, check_size

#: Types of arrays: numbers, strings and objects, with their size in bytes.
_DTYPE = re.compile(r'[<>|=]?([biufcSU]\d{1,4}|O8?)')
_SIMPLE_CONTAINERS = (list, tuple, set, frozenset, dict)


@dataclass(frozen=True, eq=False)
class Constructor:
    """A global that can be built.

    Attributes:
        build (Callable): What a call of it gives, from the unpickler and the arguments.
        create (Callable, optional): The same for a new object that is not initialised.
            Defaults to None: there is none.
    """

    build: Callable[[Any, tuple], Any]
    create: Callable[[Any, tuple], Any] | None = None


def find(module: str, name: str) -> Any:
    """Find what stands for a global: itself if it is a constant, or its constructor.

    Args:
        module (str): As ``'collections'``.
        name (str): As ``'OrderedDict'``.

    Returns:
        Any: None if it is neither.
    """
    if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
        return getattr(torch, name)
    if module in ('torch', 'torch.cuda', 'torch.storage') and name.endswith('Storage'):
        if name == 'UntypedStorage':
            return torch.UntypedStorage
        try:
            return torch.serialization.StorageType(name)
        except KeyError:
            return None
    return _list_constructors().get((module, name))


def set_state(reader: Any, target: Any, state: Any) -> None:
    """Set the state of a built object, as the instruction BUILD asks for.

    Args:
        reader (InertUnpickler): The unpickler.
        target (object): The object.
        state (object): Its state.

    Raises:
        pickle.UnpicklingError: If objects of its type have no such state.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    if isinstance(target, np.ndarray):
        _set_array_state(reader, target, state)
    elif isinstance(target, np.dtype):
        _check_dtype_state(target, state)
        target.__setstate__(state)  # type: ignore[attr-defined]
    elif isinstance(target, HistoryBuffer):
        _set_history_state(target, state)
    elif type(target) is OrderedDict and isinstance(state, dict):
        if any(not isinstance(key, str) or hasattr(OrderedDict, key) for key in state):
            raise pickle.UnpicklingError('it replaces a method of a dict')
        vars(target).update(state)
    else:
        raise pickle.UnpicklingError(f'a state for a {type(target).__name__}')


@lru_cache(maxsize=1)
def _list_constructors() -> dict[tuple[str, str], Constructor]:
    constructors = {
        ('collections', 'OrderedDict'): _container(OrderedDict),
        ('collections', 'Counter'): _container(Counter),
        ('collections', 'defaultdict'): Constructor(lambda reader, args: {}),
        ('builtins', 'dict'): _container(dict),
        ('builtins', 'list'): _container(list),
        ('builtins', 'tuple'): _container(tuple),
        ('builtins', 'set'): _container(set),
        ('builtins', 'frozenset'): _container(frozenset),
        ('builtins', 'complex'): Constructor(lambda reader, args: complex(*args)),
        ('builtins', 'bytes'): Constructor(_build_bytes),
        ('builtins', 'bytearray'): Constructor(_build_bytearray),
        ('_codecs', 'encode'): Constructor(_encode),
        # mmengine's configs are dicts, which pickle as a call of their class.
        ('mmengine.config.config', 'ConfigDict'): _container(dict),
        ('builtins', 'getattr'): Constructor(_get_statistic),
        ('mmengine.logging.history_buffer', 'HistoryBuffer'): Constructor(
            _refuse_call, _create_history
        ),
        ('torch', 'Size'): Constructor(inert_tensors.build_size),
        ('torch', 'device'): Constructor(lambda reader, args: torch.device(*args)),
        ('torch._tensor', '_rebuild_from_type_v2'): Constructor(
            inert_tensors.rebuild_with_state
        ),
        ('numpy', 'dtype'): Constructor(_build_dtype),
        ('numpy', 'ndarray'): Constructor(_refuse_call),
    }
    for name, rebuild in {
        '_rebuild_tensor': inert_tensors.rebuild_tensor,
        '_rebuild_tensor_v2': inert_tensors.rebuild_tensor,
        '_rebuild_tensor_v3': inert_tensors.rebuild_tensor_v3,
        '_rebuild_meta_tensor_no_storage': inert_tensors.rebuild_meta_tensor,
        '_rebuild_parameter': inert_tensors.rebuild_parameter,
        '_rebuild_parameter_with_state': inert_tensors.rebuild_parameter_with_state,
    }.items():
        constructors['torch._utils', name] = Constructor(rebuild)
    for package in ('numpy.core', 'numpy._core'):
        module = f'{package}.multiarray'
        constructors[module, '_reconstruct'] = Constructor(_create_array)
        constructors[module, 'scalar'] = Constructor(_build_scalar)
        # Protocol 5 writes arrays in this way.
        constructors[f'{package}.numeric', '_frombuffer'] = Constructor(_from_buffer)
    return constructors


def _container(kind: Callable) -> Constructor:
    def build(reader: Any, args: tuple) -> Any:
        if args and (len(args) > 1 or type(args[0]) not in (*_SIMPLE_CONTAINERS, str)):
            raise pickle.UnpicklingError('a container of something else than items')
        reader.budget.charge(*args)
        for items in args:
            members = list(items)
            check_keys(members)
            # pairs of a dict
            check_keys([m[0] for m in members if isinstance(m, (list, tuple)) and m])
        return kind(*args)

    return Constructor(build, lambda reader, args: kind())


def _refuse_call(reader: Any, args: tuple) -> Any:
    raise pickle.UnpicklingError('a call of a class that no checkpoint calls')


def _build_bytes(reader: Any, args: tuple) -> bytes:
    if args:
        raise pickle.UnpicklingError('bytes of something')
    return b''


def _build_bytearray(reader: Any, args: tuple) -> bytearray:
    if args and not isinstance(args[0], (bytes, str)):
        raise pickle.UnpicklingError('a bytearray of something else than bytes')
    return bytearray(_encode(reader, args) if len(args) > 1 else b''.join(args))


def _encode(reader: Any, args: tuple) -> bytes:
    text, encoding = args[:2]
    if not isinstance(text, str) or encoding not in ('latin1', 'latin-1', 'utf-8'):
        raise pickle.UnpicklingError('an encoding that no pickle uses')
    reader.budget.charge(text)
    return text.encode(encoding)


def _get_statistic(reader: Any, args: tuple) -> Callable:
    owner, name = args
    constructors = _list_constructors()
    if owner is not constructors['mmengine.logging.history_buffer', 'HistoryBuffer']:
        raise UnsafePickleError('it calls a function', call='builtins.getattr')
    return _list_statistics()[name]


def _list_statistics() -> dict[str, Callable]:
    from mmengine.logging.history_buffer import HistoryBuffer

    # The class registers them when the first buffer is created.
    return HistoryBuffer()._statistics_methods


def _create_history(reader: Any, args: tuple) -> Any:
    from mmengine.logging.history_buffer import HistoryBuffer

    return HistoryBuffer.__new__(HistoryBuffer)


def _set_history_state(target: Any, state: Any) -> None:
    if not isinstance(state, dict):
        raise pickle.UnpicklingError('a history without a state')
    statistics = state.get('statistics_methods', {})
    values = {key: state.get(key) for key in ('_log_history', '_count_history')}
    if (
        not isinstance(statistics, Mapping)
        or any(
            # a statistic that the user registered is a placeholder, and is left out
            isinstance(v, FunctionType) and _list_statistics().get(k) is not v
            for k, v in statistics.items()
        )
        or not all(isinstance(v, np.ndarray) and v.ndim == 1 for v in values.values())
        or not isinstance(state.get('max_length'), int)
    ):
        raise pickle.UnpicklingError('a history with other contents than numbers')
    vars(target).update(values, max_length=state['max_length'])


def _build_dtype(reader: Any, args: tuple) -> np.dtype:
    name, align, copy = args
    if not isinstance(name, str) or not _DTYPE.fullmatch(name) or align or not copy:
        raise pickle.UnpicklingError('an unusual type of array')
    # A copy: setting the state of the shared one would change every array.
    return np.dtype(name, False, True)


def _check_dtype_state(dtype: np.dtype, state: Any) -> None:
    """Allow only another byte order: numpy trusts sizes and flags."""
    expected: Any = dtype.__reduce__()[2]
    if (
        not isinstance(state, tuple)
        or state[:1] + state[2:] != expected[:1] + expected[2:]
        or state[1] not in ('<', '>', '|', '=')
    ):
        raise pickle.UnpicklingError('an unusual type of array')


def _create_array(reader: Any, args: tuple) -> np.ndarray:
    kind, shape, _ = args
    if kind is not _list_constructors()['numpy', 'ndarray'] or shape != (0,):
        raise pickle.UnpicklingError('an unusual array')
    return np.ndarray((0,), 'b')


def _set_array_state(reader: Any, target: np.ndarray, state: Any) -> None:
    _, shape, dtype, is_fortran, data = state
    if isinstance(data, str):  # bytes that Python 2 wrote, read as Latin-1
        data = data.encode('latin-1')
    if not isinstance(dtype, np.dtype) or not isinstance(data, (bytes, bytearray, list)):
        raise pickle.UnpicklingError('an unusual array')
    if (dtype.kind == 'O') != isinstance(data, list):
        raise pickle.UnpicklingError('an unusual array')
    check_size(shape, 1, len(data))
    reader.budget.charge(data)
    state = (1, shape, dtype, bool(is_fortran), data)
    target.__setstate__(state)


def _build_scalar(reader: Any, args: tuple) -> Any:
    dtype, data = args
    if (
        not isinstance(dtype, np.dtype)
        or not isinstance(data, bytes)
        or dtype.kind == 'O'
    ):
        raise pickle.UnpicklingError('an unusual number')
    if dtype.itemsize != len(data):
        raise pickle.UnpicklingError('a number of another size')
    return np.frombuffer(data, dtype)[0]


def _from_buffer(reader: Any, args: tuple) -> np.ndarray:
    data, dtype, shape, order = args
    if not isinstance(dtype, np.dtype) or dtype.kind == 'O':
        raise pickle.UnpicklingError('an unusual array')
    return np.frombuffer(data, dtype).reshape(shape, order=order)
