"""Signals by which a scheduler ends a job before its time."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

#: What schedulers send before they kill a job: Kubernetes and torchrun SIGTERM, Slurm
#: the signal of ``--signal`` (SIGUSR1 in tools/slurm_train.sh), a lost terminal SIGHUP.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
#: ``EX_TEMPFAIL``: the same command, run again, may succeed. Schedulers requeue on it.
INTERRUPTED_EXIT_CODE = 75
#: torchrun and Slurm's steps repeat a signal within a moment; a later one is a second.
REPEATED_WITHIN = 0.5


class TrainingInterrupted(SystemExit):
    """The end of a training that a signal interrupted; its exit status is 75.

    Args:
        received (int): The signal.
        checkpoint (str, optional): The checkpoint from which the run can be resumed.
            Defaults to None.
    """

    def __init__(self, received: int, checkpoint: str | None = None):
        super().__init__(INTERRUPTED_EXIT_CODE)
        self.signal = signal.Signals(received)
        self.checkpoint = checkpoint


class SignalWatch:
    """Notices signals while a ``with`` block runs.

    Outside of training, a signal raises :class:`TrainingInterrupted` at once. In training
    it is only noted, for the hook that ends the training after the step. A second one
    ends the process at once, as if nobody handled it.

    Processes that are forked meanwhile, such as those in which a metric computes, have no
    part in this: a pool ends them by SIGTERM and waits until they are gone.

    Attributes:
        received (int | None): The signal, or None.
        is_training (bool): Whether a step must be finished first.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.is_training = False
        self._received_at = 0.0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> 'SignalWatch':
        for number in SIGNALS:
            # `nohup` starts a process with SIGHUP ignored: that stays.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        _HANDLED.update(self._previous)
        return self

    def __exit__(self, *exception: object) -> None:
        _HANDLED.difference_update(self._previous)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._received_at = number, now
            if not self.is_training:
                raise TrainingInterrupted(number)
        elif now - self._received_at > REPEATED_WITHIN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


#: Signals that a watch handles in this process.
_HANDLED: set[int] = set()


#: Signals that this thread held back before it forked a process.
_MASK = threading.local()


def _hold_signals() -> None:
    """Hold signals back while a process is forked: Python would forget them there."""
    _MASK.before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)


def _release_signals() -> None:
    """Deliver the signals that were held back for the fork."""
    signal.pthread_sigmask(signal.SIG_SETMASK, _MASK.before)


def _forget_watch() -> None:
    """Let signals end a forked process.

    A handler in Python would not do: it never runs if the signal comes just before the
    process waits for a lock.
    """
    for number in _HANDLED:
        signal.signal(number, signal.SIG_DFL)
    _release_signals()
    _HANDLED.clear()


os.register_at_fork(
    before=_hold_signals,
    after_in_parent=_release_signals,
    after_in_child=_forget_watch,
)
