"""Files that are whole or absent: a file backend that never writes in place."""

import os
import secrets
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

#: The name under which ``backend_args`` finds the backend.
ATOMIC_BACKEND = 'mmgroupmix.atomic'
#: Names of files that are being written; one that is left belongs to a run that died.
TEMPORARY_PATTERN = '.*.writing'


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file so that, at any moment, it is the old one or the complete new one.

    The content goes to a temporary file in the same folder, is flushed to the disk and
    renamed. If that fails, for instance since the disk is full, the temporary file is
    removed and the old file stays.

    Args:
        path (str | Path): The file; its folder is created if necessary.
        content (bytes): What to write.

    Raises:
        OSError: If the content cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.writing')
    try:
        with temporary.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


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


class AtomicLocalBackend(LocalBackend):
    """mmengine's ``LocalBackend``, whose files are whole or absent."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; see :func:`write_atomically`."""
        write_atomically(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text; see :func:`write_atomically`."""
        write_atomically(filepath, obj.encode(encoding))


register_backend(ATOMIC_BACKEND, AtomicLocalBackend, force=True)


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
