"""Progress of a benchmark, and the time that it will still take."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from ..planning.units import format_duration

#: Seconds between two lines where the output is not a terminal.
INTERVAL = 30


class Progress:
    """Report on one line of a terminal, or else a line every ``INTERVAL`` seconds.

    Args:
        total (int): Number of conditions.
        stream (TextIO, optional): Where to. Defaults to None: the standard error.
        clock (Callable[[], float]): Seconds.
    """

    def __init__(
        self,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total = total
        self.stream = stream or sys.stderr
        self.clock = clock
        self.number = 0
        self.title = ''
        self.start: float | None = None
        self.last = -float('inf')
        self.width = 0

    def begin(self, title: str) -> None:
        """Begin a condition."""
        self.number += 1
        self.title = f'[{self.number}/{self.total}] {title}'
        self.start = None

    def say(self, text: str) -> None:
        """Report what is being done."""
        self._write(f'{self.title}: {text}')
        self.start = self.clock()

    def show_rounds(self, done: int, total: int) -> None:
        """Report the rounds so far, and the time that the others of a condition take."""
        if done == total:
            return  # its table follows
        text = f'{self.title}: round {done} of {total}'
        if self.start is not None:
            left = (self.clock() - self.start) / done * (total - done)
            text += f', {format_duration(left)} left'
            if self.number < self.total:
                text += f', then {self.total - self.number} more'
        self._write(text)

    def clear(self) -> None:
        """Leave the line to other output."""
        if self.stream.isatty() and self.width:
            self.stream.write('\r' + ' ' * self.width + '\r')
            self.stream.flush()
            self.width = 0

    def _write(self, text: str) -> None:
        now = self.clock()
        if self.stream.isatty():
            self.stream.write('\r' + text.ljust(self.width))
            self.width = len(text)
        elif now - self.last >= INTERVAL:
            self.stream.write(f'{text}\n')
            self.last = now
        else:
            return
        self.stream.flush()
