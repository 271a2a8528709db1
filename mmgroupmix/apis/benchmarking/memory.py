"""Memory of a step: its peak, and what a forward pass keeps for the backward pass."""

import ctypes
import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..planning.device_memory import read_host_peak, reset_host_peak

#: How ``measure_peak`` measures, by kind of device.
METHODS = {
    'cpu': 'the growth of the resident set in a step (VmHWM after a reset)',
    'cuda': 'the growth of max_memory_allocated in a step',
}


def measure_peak(step: Callable[[], None], device: torch.device) -> int | None:
    """Measure the most memory that a step takes beyond what is held before it.

    Args:
        step (Callable): Runs once; it has run before, so that libraries are loaded.
        device (torch.device): Where it runs.

    Returns:
        int | None: Bytes. None where they cannot be measured: on other devices, and on a
        CPU without Linux's ``/proc/self/clear_refs``.
    """
    gc.collect()
    if device.type == 'cuda':
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    if device.type != 'cpu':
        return None
    return_free_memory()
    if not reset_host_peak():
        return None
    before = read_host_peak()
    step()
    return read_host_peak() - before


def return_free_memory() -> None:
    """Let the allocator return what earlier steps freed, which would hide a growth."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return  # another C library than glibc


def count_held_bytes(
    model: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> int:
    """Bytes of the parameters and buffers of a model, and of its optimizer's state."""
    return sum(storage.nbytes() for storage in _held_storages(model, optimizer))


class _Saved:
    """A tensor that the graph keeps; it lives as long as the graph needs it."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


@contextmanager
def record_saved_tensors() -> Iterator['weakref.WeakSet[_Saved]']:
    """Record what autograd saves within the context and has not yet released."""
    saved: weakref.WeakSet[_Saved] = weakref.WeakSet()

    def pack(tensor: Tensor) -> _Saved:
        # An output refers to the graph, which would keep itself alive through it.
        packed = _Saved(tensor.detach())
        saved.add(packed)
        return packed

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed.tensor):
        yield saved


def count_saved_bytes(forward: Callable[[], object], model: nn.Module) -> int:
    """Count the bytes that the graph of a forward pass keeps for the backward pass.

    Args:
        forward (Callable): Runs the forward pass and returns its outputs.
        model (nn.Module): The model, whose parameters and buffers do not count.

    Returns:
        int: Bytes of all distinct storages; the images are among them if a layer keeps
        them, and copies of weights in a lower precision.
    """
    held = {storage.data_ptr() for storage in _held_storages(model)}
    with record_saved_tensors() as saved:
        outputs = forward()
    kept = _distinct(item.tensor for item in saved)
    del outputs  # until here it kept the graph, and so the tensors
    return sum(s.nbytes() for s in kept if s.data_ptr() not in held)


def _held_storages(
    model: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> list[torch.UntypedStorage]:
    state = optimizer.state.values() if optimizer else ()
    values = [value for entry in state for value in entry.values()]
    tensors = [value for value in values if isinstance(value, Tensor)]
    return _distinct([*model.parameters(), *model.buffers(), *tensors])


def _distinct(tensors: Iterable[Tensor]) -> list[torch.UntypedStorage]:
    storages = (tensor.untyped_storage() for tensor in tensors)
    return list({storage.data_ptr(): storage for storage in storages}.values())
