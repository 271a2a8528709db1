"""Files that are whole or absent after signals and errors."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: The status of a command that SIGINT or SIGTERM ended.
INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE = 130, 143


@contextmanager
def defer_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM, however many, act after the block instead of inside it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    received: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda n, _: received.append(n))
        yield
    finally:
        for deferred, handler in handlers.items():
            # None: a handler that was not installed from Python.
            signal.signal(deferred, signal.SIG_DFL if handler is None else handler)
        if received:
            signal.raise_signal(received[0])


@contextmanager
def remove_if_failed(path: Path) -> Iterator[None]:
    """Remove what is there of a file if writing it fails, as on a full disk."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
