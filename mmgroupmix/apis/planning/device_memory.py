"""Peak memory of a process: of its GPU, or of the host where there is none."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.device import get_device

#: Share of the free host memory that a plan may fill before it stops by itself, instead
#: of being stopped, perhaps with others, by the kernel.
MAX_SHARE = 0.9


@dataclass(frozen=True)
class PeakMemory:
    """The most memory that was in use at once.

    Attributes:
        peak (int): Bytes; on a GPU those that PyTorch reserved.
        total (int): Bytes of the device.
    """

    peak: int
    total: int


def describe_device() -> str:
    """The device that a run would use here."""
    device = get_device()
    if device == 'cuda':
        return torch.cuda.get_device_name()
    return f'{device}, {os.cpu_count()} cores' if device == 'cpu' else device


def reset_peak() -> None:
    """Begin a new measurement of the peak."""
    if get_device() == 'cuda':
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return
    reset_host_peak()


def reset_host_peak() -> bool:
    """Begin a new measurement of the host's peak.

    Returns:
        bool: Whether the system can: elsewhere the peak counts from the start of the
        process.
    """
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return False
    return True


def read_peak() -> PeakMemory:
    """The peak since the last reset."""
    if get_device() == 'cuda':
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        return PeakMemory(torch.cuda.max_memory_reserved(), properties.total_memory)
    total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return PeakMemory(read_host_peak(), total)


def read_host_peak() -> int:
    """The most bytes of the host's memory that this process held since the last reset."""
    peak = _read_kib('/proc/self/status', 'VmHWM')
    if peak is None:
        unit = 1 if sys.platform == 'darwin' else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak


def synchronize() -> None:
    """Wait until the device has done what it was given."""
    if get_device() == 'cuda':
        torch.cuda.synchronize()


@contextmanager
def limit_host_memory(device: str | None = None) -> Iterator[None]:
    """Let allocations beyond the free memory of the host fail, within the context.

    On a CPU a batch that is too large then raises an error, as on a GPU, where Linux
    would kill this process or another one.

    Args:
        device (str, optional): Kind of the device that is used. Defaults to None: a GPU
            if there is one.
    """
    free, used = _free_memory(), _read_kib('/proc/self/status', 'VmData')
    if (device or get_device()) != 'cpu' or free is None or used is None:
        yield
        return
    share = MAX_SHARE / int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = used + int(free * share)
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _free_memory() -> int | None:
    """Bytes that processes may still take, within the limit of a container."""
    free = _read_kib('/proc/meminfo', 'MemAvailable')
    try:
        limit = int(Path('/sys/fs/cgroup/memory.max').read_text())
        used = int(Path('/sys/fs/cgroup/memory.current').read_text())
    except (OSError, ValueError):  # no container, or one without a limit ('max')
        return free
    return limit - used if free is None else min(free, limit - used)


def _read_kib(path: str, name: str) -> int | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    return None
