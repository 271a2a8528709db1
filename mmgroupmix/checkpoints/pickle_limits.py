"""Limits of what a pickle can make its reader allocate or compute."""

import pickle
from collections.abc import Sequence
from typing import Any, BinaryIO

#: Instructions and their arguments that are read; a checkpoint of 10,000 tensors with the
#: states of an optimizer has a good million.
MAX_READS = 2_000_000
#: Nodes of a tuple that serves as a key of a dict, with those of the tuples within it:
#: hashing visits all of them, as often as they are referred to.
MAX_KEY_NODES = 1000
#: Dimensions of a tensor or array; torch and numpy have at most 64.
MAX_DIMENSIONS = 64


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle that calls something, named by ``call``, or wants too much memory."""

    def __init__(self, message: str, call: str | None = None):
        super().__init__(message)
        self.call = call


class BoundedFile:
    """The rest of a file, which a pickle may read; the reads are counted.

    Args:
        file (BinaryIO): A file that can be sought.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        position = file.tell()
        self.remaining = file.seek(0, 2) - position
        file.seek(position)
        self.num_reads = 0

    def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; EOFError if there are fewer."""
        self._count()
        if not 0 <= size <= self.remaining:
            raise EOFError('the pickle ends too early')
        self.remaining -= size
        return self.file.read(size)

    def readline(self) -> bytes:
        """Read the rest of a line."""
        self._count()
        line = self.file.readline()
        self.remaining -= len(line)
        return line

    def _count(self) -> None:
        self.num_reads += 1
        if self.num_reads > MAX_READS:
            raise UnsafePickleError(
                f'its pickle has more than {MAX_READS} instructions and arguments'
            )


class Budget:
    """What the constructors of one reading may copy.

    Args:
        num_bytes (int): Bytes of strings and arrays.
        num_items (int): Items of containers.
    """

    def __init__(self, num_bytes: int, num_items: int):
        self.num_bytes = num_bytes
        self.num_items = num_items

    def charge(self, *values: Any) -> None:
        """Charge the sizes of values that are about to be copied.

        Raises:
            UnsafePickleError: If they exceed what is left.
        """
        for value in values:
            if isinstance(value, (str, bytes, bytearray)):
                self.num_bytes -= len(value)
            elif isinstance(value, (list, tuple, set, frozenset, dict)):
                self.num_items -= len(value)
        if self.num_bytes < 0 or self.num_items < 0:
            raise UnsafePickleError('its pickle copies more than it holds')


def check_keys(keys: Sequence[Any]) -> None:
    """Check that hashing the keys of a dict, or the members of a set, ends soon.

    Raises:
        UnsafePickleError: If one is a tuple with too many parts, counted as often as they
            occur, which a file can state in few bytes.
    """
    for key in keys:
        if type(key) is not tuple:
            continue
        pending, num_nodes = [key], 0
        while pending:
            num_nodes += 1
            node = pending.pop()
            if type(node) is tuple:
                pending.extend(node[:MAX_KEY_NODES])
            if num_nodes > MAX_KEY_NODES:
                raise UnsafePickleError('a key in it is a tuple with too many parts')


def check_size(shape: Sequence[int], itemsize: int, max_bytes: int) -> None:
    """Check the size of a tensor or array before it is built.

    Args:
        shape (Sequence[int]): Its shape.
        itemsize (int): Bytes of an element.
        max_bytes (int): Bytes that it may have.

    Raises:
        UnsafePickleError: If it has more, as an expanded tensor may.
        pickle.UnpicklingError: If the shape is not one.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise pickle.UnpicklingError('a tensor of too many dimensions')
    num_bytes = itemsize
    for length in shape:
        if type(length) is not int or length < 0:
            raise pickle.UnpicklingError('a size that is not a number')
        num_bytes *= length
    if num_bytes > max_bytes:
        raise UnsafePickleError(
            f'a tensor or array in it has {num_bytes} bytes, more than the file holds'
        )
