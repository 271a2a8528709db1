"""The tensors that a pickle may build; see ``inert_constructors``."""

import pickle
from collections import OrderedDict
from typing import Any

import torch

from .pickle_limits import MAX_DIMENSIONS, check_size


def build_size(reader: Any, args: tuple) -> torch.Size:
    """Build a torch.Size."""
    reader.budget.charge(*args)
    return torch.Size(*args)


def rebuild_tensor(reader: Any, args: tuple) -> torch.Tensor:
    """Build a tensor on a storage; it is not larger than the file."""
    storage, offset, size, stride, *rest = args
    check_size(size, storage.dtype.itemsize, reader.max_bytes)
    _check_hooks(rest[1:2])
    rebuild = torch._utils._rebuild_tensor_v2 if rest else torch._utils._rebuild_tensor
    return rebuild(storage, offset, size, stride, *rest[:3])


def rebuild_tensor_v3(reader: Any, args: tuple) -> torch.Tensor:
    """Build a tensor of a type that has no storage type of its own."""
    _, _, size, _, _, hooks, dtype, *_ = args
    check_size(size, dtype.itemsize, reader.max_bytes)
    _check_hooks([hooks])
    return torch._utils._rebuild_tensor_v3(*args[:7])


def rebuild_meta_tensor(reader: Any, args: tuple) -> torch.Tensor:
    """Build a tensor without values, which takes no memory of any size."""
    dtype, size, stride, requires_grad = args
    if not len(size) == len(stride) <= MAX_DIMENSIONS:
        raise pickle.UnpicklingError('a tensor of too many dimensions')
    return torch._utils._rebuild_meta_tensor_no_storage(
        dtype, size, stride, bool(requires_grad)
    )


def rebuild_parameter(reader: Any, args: tuple) -> torch.nn.Parameter:
    """Build a parameter around a tensor."""
    data, requires_grad, hooks = args
    if not isinstance(data, torch.Tensor):
        raise pickle.UnpicklingError('a parameter that is not a tensor')
    _check_hooks([hooks])
    return torch._utils._rebuild_parameter(data, bool(requires_grad), OrderedDict())


def rebuild_parameter_with_state(reader: Any, args: tuple) -> torch.nn.Parameter:
    """Build a parameter that has attributes."""
    *arguments, state = args
    _check_attributes(state)
    return rebuild_parameter(reader, tuple(arguments))


def rebuild_with_state(reader: Any, args: tuple) -> torch.Tensor:
    """Build a tensor that has attributes; PyTorch adds these to every call."""
    rebuild, _, arguments, state = args
    _check_attributes(state)
    return reader.call(rebuild, arguments)


def _check_attributes(state: Any) -> None:
    """Allow attributes that hide none of those of a tensor."""
    if not isinstance(state, dict) or any(
        not isinstance(key, str) or hasattr(torch.nn.Parameter, key) for key in state
    ):
        raise pickle.UnpicklingError('a tensor whose methods are replaced')


def _check_hooks(hooks: list) -> None:
    if any(hooks):
        raise pickle.UnpicklingError('a tensor with hooks')
