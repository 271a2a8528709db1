"""A lock that lets only one run write into a work directory."""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from ..checkpoints.atomic_files import FULL_DISK
from ..errors import UserError

LOCK_FILE = 'run.lock'
#: Seconds between two signs of life of a run, and without one until it counts as dead.
HEARTBEAT, DEAD_AFTER = 10.0, 45.0


class WorkDirLock:
    """Holds the work directory of a run while a ``with`` block runs.

    The lock is a file that names host and process. The system releases it when the
    process dies, however that happens, so nothing has to be removed by hand. On a file
    system that does not share locks between hosts, a sign of life in the file decides.

    Args:
        work_dir (str | Path): The directory; it is created if necessary.

    Raises:
        UserError: If another run that is alive holds it, naming that.
    """

    def __init__(self, work_dir: str | Path):
        self.path = Path(work_dir) / LOCK_FILE
        self._file: Any = None
        self._stop = threading.Event()

    def __enter__(self) -> 'WorkDirLock':
        try:
            self._open()
        except OSError as error:
            if error.errno in FULL_DISK:
                raise
            raise UserError(
                f'the work directory {self.path.parent} cannot be used: {error.strerror} '
                f'({error.filename}). It must be a folder that this process may '
                f'write to, and {LOCK_FILE} in it a file. Mend that, or give another '
                '--work-dir.'
            ) from error
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            # A link that somebody left there must not be followed.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self.path, flags, 0o644), 'r+')
            try:
                self._acquire()
                # Its owner may have removed the file after it was opened here.
                if self._is_in_place():
                    break
            except BaseException:
                self._file.close()
                raise
            self._file.close()

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False

    def _acquire(self) -> None:
        owner = self._read()
        try:
            # Record locks: unlike those of flock, data loader workers do not inherit
            # them, and would not hold them on after the run is dead.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise UserError(self._describe(owner)) from error
            # A file system without locks: the signs of life decide.
        if owner and self._is_alive(owner):
            raise UserError(self._describe(owner))
        self._file.seek(0)
        self._file.truncate()
        json.dump(dict(host=socket.gethostname(), process=os.getpid()), self._file)
        self._file.flush()

    def _read(self) -> dict:
        self._file.seek(0)
        try:
            owner = json.loads(self._file.read())
        except ValueError:
            return {}
        is_owner = isinstance(owner, dict) and isinstance(owner.get('host'), str)
        return owner if is_owner else {}

    def _is_alive(self, owner: dict) -> bool:
        """Whether a run of another host gives a sign of life; it may take a while."""
        if owner['host'] == socket.gethostname():
            return False  # this host's lock would have been held
        first = os.fstat(self._file.fileno()).st_mtime
        print(
            f'{self.path} names {owner["host"]}, process {owner.get("process")}: waiting '
            f'{DEAD_AFTER:.0f} s for a sign of life',
            flush=True,
        )
        end = time.monotonic() + DEAD_AFTER
        while time.monotonic() < end:
            time.sleep(1)
            # Through the name: some network file systems keep the times of open files.
            if self.path.stat().st_mtime != first:
                return True
        return False

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            try:
                os.utime(self.path)
            except OSError:
                continue

    def _describe(self, owner: dict) -> str:
        who = (
            f'host {owner["host"]}, process {owner.get("process")}'
            if owner
            else 'another process'
        )
        return (
            f'{self.path.parent} is in use by a training that is still running ({who}). '
            'Wait for its end or stop it, or give another --work-dir.'
        )


def check_not_in_use(work_dir: str | Path) -> None:
    """Check that no run that is alive holds a work directory.

    Args:
        work_dir (str | Path): The directory, which may not exist.

    Raises:
        UserError: If one does.
    """
    if (Path(work_dir) / LOCK_FILE).exists():
        with WorkDirLock(work_dir):
            pass
