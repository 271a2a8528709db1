"""Data loader workers that leave the signals of a scheduler to the main process."""

import os
import signal
from collections.abc import Callable
from ctypes import c_bool
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

from mmengine.runner import Runner
from torch.utils.data import DataLoader

from .interruption import SIGNALS


class WorkerProtection:
    """Lets the workers of a runner's data loaders ignore signals while a block runs.

    A scheduler signals every process of a job. A worker that died of it would fail the
    step that the main process is finishing.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """

    def __init__(self, runner: Runner):
        self._runner = runner
        # At the end, Python sends SIGTERM to the workers that are left, and waits.
        self._has_ended = RawValue(c_bool, False)

    def __enter__(self) -> 'WorkerProtection':
        build = self._runner.build_dataloader

        def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
            loader = build(*args, **kwargs)
            if loader.num_workers:
                loader.worker_init_fn = _WorkerInit(
                    loader.worker_init_fn, self._has_ended
                )
            return loader

        self._runner.build_dataloader = build_dataloader
        return self

    def __exit__(self, *exception: object) -> None:
        self._has_ended.value = True


class _WorkerInit:
    """Initializes a worker: sets its signals, then does what the loader asks for."""

    def __init__(self, initialize: Callable | None, has_ended: Any):
        self.initialize, self.has_ended = initialize, has_ended

    def __call__(self, worker_id: int) -> None:
        for number in SIGNALS:
            signal.signal(number, self._handle)
        if self.initialize is not None:
            self.initialize(worker_id)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.has_ended.value:
            os._exit(0)
