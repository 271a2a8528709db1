"""Hook that times the steps of a training and ends it after a few."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .device_memory import synchronize

#: Seconds after which no further step is timed.
MAX_SECONDS = 60
#: A step that takes longer is reported while the others run.
SLOW_SECONDS = 2


class EnoughSteps(Exception):
    """Raised to end a training from within: its loops only end after an epoch."""


class StepTimer(Hook):
    """Time steps without the wait for data, and raise when there are enough.

    It runs after all other hooks, so that a step includes the moving average of the
    weights and the learning rate schedule.

    Args:
        num_warm_up (int): Steps that are not timed.
        num_timed (int): Steps that are timed; fewer once ``MAX_SECONDS`` have passed.
        report (Callable[[str], None]): Prints a line of progress.

    Raises:
        EnoughSteps: After the last step.
    """

    priority = 'LOWEST'

    def __init__(self, num_warm_up: int, num_timed: int, report: Callable[[str], None]):
        self.num_warm_up = num_warm_up
        self.num_timed = num_timed
        self.report = report
        self.seconds: list[float] = []
        self.waits: list[float] = []
        self.invalid_losses: set[str] = set()

    @property
    def num_steps(self) -> int:
        """Steps that the hook asks for."""
        return self.num_warm_up + self.num_timed

    @property
    def timed(self) -> list[float]:
        """Seconds of the steps after the warm-up, or of the last one there is."""
        return self.seconds[self.num_warm_up :] or self.seconds[-1:]

    def typical_seconds(self, accumulation: int) -> float:
        """The median, or the mean where only some steps update the weights."""
        average = statistics.mean if accumulation > 1 else statistics.median
        return average(self.timed)

    def before_train(self, runner: Runner) -> None:
        self.start = self.end = time.perf_counter()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        synchronize()
        self.begin = time.perf_counter()
        self.waits.append(self.begin - self.end)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        for name, value in (outputs or {}).items():
            if isinstance(value, torch.Tensor) and not value.isfinite().all():
                self.invalid_losses.add(name)
        synchronize()
        self.end = time.perf_counter()
        self.seconds.append(self.end - self.begin)
        done = len(self.seconds)
        if self.seconds[-1] + self.waits[-1] > SLOW_SECONDS:
            self.report(f'step {done} of {self.num_steps}: {self.seconds[-1]:.1f} s')
        # The ranks must agree on the last step: they wait for each other in each.
        elapsed = torch.tensor(self.end - self.start, dtype=torch.float64)
        if next(runner.model.parameters()).is_cuda:
            elapsed = elapsed.cuda()
        all_reduce(elapsed, 'max')
        if done >= self.num_steps or elapsed.item() > MAX_SECONDS:
            raise EnoughSteps
