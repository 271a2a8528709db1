"""A file backend of mmengine that never writes in place."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..checkpoints.atomic_files import write_atomically

#: The name under which ``backend_args`` finds the backend.
ATOMIC_BACKEND = 'mmgroupmix.atomic'


class AtomicLocalBackend(LocalBackend):
    """mmengine's ``LocalBackend``, whose files are whole or absent."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes."""
        write_atomically(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text."""
        write_atomically(filepath, obj.encode(encoding))


register_backend(ATOMIC_BACKEND, AtomicLocalBackend, force=True)
