"""A limit of memory for one image: estimates before, and the system's own refusal."""

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np
import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

GIBIBYTE = 2**30
DEFAULT_MAX_MEMORY = 8.0
#: In bytes: the system takes a number of 63 bits.
_LARGEST_LIMIT = 2**63 - 1
#: Words of torch's, OpenCV's and C++'s messages; numpy and Pillow raise MemoryError.
OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|OutOfMemoryError|"
    r'Insufficient memory|Cannot allocate memory|bad_alloc|could not create a primitive',
    re.IGNORECASE,
)


class MemoryLimitError(RuntimeError):
    """An image that needs more memory than it may take."""


class MemoryLimit:
    """The memory that the work on one image may take.

    It counts on top of what the process holds when the limit is created: the libraries
    and the model.

    Args:
        gibibytes (float): The limit. Defaults to 8.
    """

    def __init__(self, gibibytes: float = DEFAULT_MAX_MEMORY):
        self.gibibytes = gibibytes
        self.num_bytes = int(gibibytes * GIBIBYTE)
        _start_threads()
        self._held = _measure_data()

    def check(self, num_bytes: float, purpose: str) -> None:
        """Refuse what would take more than the limit, before it is taken.

        Args:
            num_bytes (float): An estimate, in bytes.
            purpose (str): What needs them, for the message.

        Raises:
            MemoryLimitError: If they are too many.
        """
        if num_bytes > self.num_bytes:
            raise MemoryLimitError(
                f'{purpose} needs about {_format_gibibytes(num_bytes)}, '
                f'{self._describe()}'
            )

    @contextmanager
    def enforce(self, num_images: int = 1, device: str = 'cpu') -> Iterator[None]:
        """Let the system refuse memory beyond the limit, where it can: on Linux.

        It covers what no estimate foresees, such as the steps of a pipeline and the
        layers of a network.

        Args:
            num_images (int): Images that are worked on together. Defaults to 1.
            device (str): Type of the device of the work. Defaults to 'cpu'. On others,
                only their own memory limits it: their drivers map the host's as well.

        Raises:
            MemoryLimitError: If the work needs more, here or on a GPU.
        """
        try:
            with self._lower_limit(num_images) if device == 'cpu' else nullcontext():
                yield
        except MemoryLimitError:
            raise
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            message = self._describe_refusal(error)
        else:
            return
        # Outside the handler: the error would keep the tensors of its frames alive.
        raise MemoryLimitError(message)

    @contextmanager
    def _lower_limit(self, num_images: int) -> Iterator[None]:
        if self._held is None:
            yield
            return
        before = resource.getrlimit(resource.RLIMIT_DATA)
        limit = min(self._held + self.num_bytes * num_images, _LARGEST_LIMIT)
        bounds = [bound for bound in before if bound != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min(limit, *bounds, limit), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)

    def _describe(self) -> str:
        return (
            f'more than the {self.gibibytes:g} GiB of --max-memory. Give a larger '
            '--max-memory if the machine has it, or a smaller image.'
        )

    def _describe_refusal(self, error: Exception) -> str:
        text = str(error)
        device = ''
        if isinstance(error, torch.cuda.OutOfMemoryError):
            return f'the device has too little memory: {" ".join(text.split())}'
        found = re.search(r'(\d+) bytes', text)
        unit = re.search(r'Unable to allocate ([\d.]+ [KMGT]iB)', text)
        if found:
            device = f' (one step alone takes {_format_gibibytes(int(found[1]))})'
        elif unit:
            device = f' (one step alone takes {unit[1]})'
        return f'it needs{device} {self._describe()}'


def _start_threads() -> None:
    """Start the threads of PyTorch and OpenCV, which end the program if they cannot."""
    torch.zeros(2**20).exp_()
    cv2.resize(np.zeros((512, 512, 3), np.uint8), (1024, 1024))


def _measure_data() -> int | None:
    """The bytes that count towards RLIMIT_DATA, or None where they are not limited."""
    if resource is None or not sys.platform.startswith('linux'):
        return None
    try:
        status = Path('/proc/self/status').read_text()
    except OSError:
        return None
    found = re.search(r'VmData:\s+(\d+) kB', status)
    return int(found[1]) * 1024 if found else None


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return OUT_OF_MEMORY.search(str(error)) is not None


def _format_gibibytes(num_bytes: float) -> str:
    return f'{num_bytes / GIBIBYTE:.2g} GiB'
