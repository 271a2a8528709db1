"""Checks of a checkpoint file before PyTorch opens it: what it calls, and its sizes.

``torch.load`` believes what a file says of itself: it allocates the storages that a
pickle announces, and extracts records that were compressed. Here the pickles of the file
are read as data (``inert_pickle``), and what they announce is compared with what the file
holds.
"""

import io
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION

from .inert_objects import check_nesting
from .inert_pickle import InertUnpickler
from .pickle_limits import UnsafePickleError

ZIP_MAGIC = b'PK\x03\x04'
#: Bytes of the table of contents of a zip file; 30,000 tensors need 3 MB.
MAX_DIRECTORY_SIZE = 16 * 2**20


def inspect(path: Path) -> Any:
    """Check a file that ``torch.save`` may have written, without loading its tensors.

    Args:
        path (Path): A regular file.

    Returns:
        Any: Its content, with tensors on the device 'meta', which have no values.

    Raises:
        UnsafePickleError: If it calls something, or states sizes that it does not have.
        Exception: Of many types, if it is not a checkpoint or is truncated.
    """
    with path.open('rb') as file:
        if file.read(4) == ZIP_MAGIC:
            return _inspect_zip(file)
        file.seek(0)
        if _is_tar(file):
            raise UnsafePickleError(
                'it has the .tar format of PyTorch 0.1, which only a pickle that is run '
                'can read'
            )
        file.seek(0)
        return _inspect_legacy(file)


def _is_tar(file: BinaryIO) -> bool:
    try:
        tarfile.open(fileobj=file, mode='r:').close()
    except tarfile.TarError:
        return False
    return True


def _inspect_zip(file: BinaryIO) -> Any:
    size = file.seek(0, 2)
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if not end:
        raise zipfile.BadZipFile('the table of contents is missing')
    if end[5] > MAX_DIRECTORY_SIZE:
        raise UnsafePickleError(f'its table of contents has {end[5]} bytes')
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        folder = records[0].filename.partition('/')[0]
        sizes = {record.filename: record.file_size for record in records}
        if f'{folder}/constants.pkl' in sizes:
            raise UnsafePickleError(
                'it is a TorchScript archive, a program and not only weights'
            )
        names = {record.filename.casefold() for record in records}
        if len(names) != len(records):
            raise UnsafePickleError('two records in it have the same name')
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise UnsafePickleError(
                'records in it are compressed, which torch.save never does'
            )
        if sum(record.file_size + len(record.filename) for record in records) > size:
            raise UnsafePickleError('its records together are larger than the file')
        data = io.BytesIO(archive.read(f'{folder}/data.pkl'))
    storages = _Storages(size, folder, sizes)
    return _unpickle(data, size, storages)


def _inspect_legacy(file: BinaryIO) -> Any:
    size = file.seek(0, 2)
    file.seek(0)
    if _unpickle(file, size) != MAGIC_NUMBER:
        raise pickle.UnpicklingError('it does not start as torch.save starts a file')
    if _unpickle(file, size) != PROTOCOL_VERSION:
        raise pickle.UnpicklingError('the version of its format is unknown')
    _unpickle(file, size)  # the system that wrote it
    storages = _Storages(size)
    content = _unpickle(file, size, storages)
    keys = _unpickle(file, size)
    if not isinstance(keys, list) or set(keys) != set(storages.sizes):
        raise pickle.UnpicklingError('it does not hold the storages of its tensors')
    if sum(storages.sizes.values()) + 8 * len(keys) > size - file.tell():
        raise EOFError('its tensors are larger than the rest of the file')
    return content


def _unpickle(file: BinaryIO, size: int, storages: '_Storages | None' = None) -> Any:
    unpickler: Any = InertUnpickler(file, encoding='utf-8')
    unpickler.max_bytes = size
    if storages is not None:
        unpickler.persistent_load = storages.announce
    content = unpickler.load()
    check_nesting(content)
    return content


class _Storages:
    """The storages that a pickle announces, without memory.

    Args:
        max_bytes (int): What they may have together.
        folder (str): The top folder of a zip file. Defaults to '', in the older format.
        records (Mapping[str, int], optional): The records of a zip file and their sizes.
            Defaults to None, in the older format.
    """

    def __init__(
        self, max_bytes: int, folder: str = '', records: Mapping[str, int] | None = None
    ):
        self.max_bytes = max_bytes
        self.folder = folder
        self.records = records
        self.sizes: dict[Any, int] = {}

    def announce(self, saved_id: Any) -> torch.storage.TypedStorage:
        """Check what a pickle says of a storage; it replaces ``persistent_load``."""
        kind, *arguments = saved_id if isinstance(saved_id, tuple) else ('',)
        if kind == 'module':
            raise UnsafePickleError(
                'it holds a model with its code instead of its state_dict()'
            )
        if kind != 'storage':
            raise pickle.UnpicklingError('an unknown kind of stored object')
        storage_type, key, location, numel, *view = arguments
        untyped = storage_type is torch.UntypedStorage
        dtype = torch.uint8 if untyped else storage_type.dtype
        if not isinstance(location, (str, bytes)) or type(numel) is not int or numel < 0:
            raise pickle.UnpicklingError('a storage without a size')
        num_bytes = numel * dtype.itemsize
        if self.records is not None:
            available = self.records[f'{self.folder}/data/{key}']
            if num_bytes > available:
                raise UnsafePickleError(
                    f'a storage in it has {available} bytes and states {num_bytes}'
                )
        self.sizes[key] = max(num_bytes, self.sizes.get(key, 0))
        if sum(self.sizes.values()) > self.max_bytes:
            raise UnsafePickleError('its storages together are larger than the file')
        if view and view[0] is not None:
            _, offset, length = view[0]
            if not 0 <= offset <= offset + length <= numel:
                raise pickle.UnpicklingError('a view beyond its storage')
            num_bytes = length * dtype.itemsize
        storage = torch.UntypedStorage(num_bytes, device='meta')
        return torch.storage.TypedStorage(
            wrap_storage=storage, dtype=dtype, _internal=True
        )
