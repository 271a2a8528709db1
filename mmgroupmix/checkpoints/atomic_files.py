"""Files that are whole or absent."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Names of files that are being written; one that is left belongs to a run that died.
TEMPORARY_PATTERN = '.*.writing'
#: Errors of a disk that has no room, or no more for this user or in this file.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replace_atomically(path: str | Path) -> Iterator[Path]:
    """Write a file so that, at any moment, it is the old one or the complete new one.

    What the block writes to the temporary file in the same folder is flushed to the disk
    and renamed. If that fails, for instance since the disk is full, the temporary file is
    removed and the old file stays.

    Args:
        path (str | Path): The file; its folder is created if necessary.

    Yields:
        Path: The temporary file to write.

    Raises:
        OSError: If the content cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.writing')
    try:
        yield temporary
        with temporary.open('rb+') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write bytes; see :func:`replace_atomically`."""
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)


def remove_temporary_files(folder: str | Path) -> list[Path]:
    """Remove the temporary files that a killed run left in a folder.

    Args:
        folder (str | Path): A folder in which no other run writes.

    Returns:
        list[Path]: The removed files.
    """
    left = sorted(Path(folder).glob(TEMPORARY_PATTERN))
    for path in left:
        path.unlink(missing_ok=True)
    return left


def _sync_folder(folder: Path) -> None:
    """Flush the new name to the disk, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
