"""Keeps a picture of the loss and the metric beside the log while a run goes on."""

import os
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.visualization import LocalVisBackend

from ...registry import HOOKS
from .curves import plot_curves


@HOOKS.register_module()
class CurveHook(Hook):
    """Write ``curves.png`` into the run's log folder after every validation.

    It draws what ``LocalVisBackend`` logged; without that backend it draws nothing.

    Attributes:
        out_file (str or None): The picture, once there is one.
        metrics (dict or None): What the latest evaluation returned, None before it.
    """

    # After LoggerHook (BELOW_NORMAL), which writes the metric that is to be drawn.
    priority = 'LOW'

    def __init__(self):
        self.out_file = None
        self.metrics = None

    def after_val_epoch(self, runner, metrics=None):
        self.metrics = dict(metrics or {})
        self._draw(runner)

    def after_test_epoch(self, runner, metrics=None):
        self.metrics = dict(metrics or {})

    def after_train(self, runner):
        self._draw(runner)

    @master_only
    def _draw(self, runner):
        scalars = _scalars_file(runner)
        if scalars is None or not scalars.exists():
            return
        out_file = os.path.join(runner.log_dir, 'curves.png')
        if plot_curves([*_earlier_parts(runner, scalars), scalars], out_file):
            self.out_file = out_file


def _scalars_file(runner):
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            return Path(backend._scalar_save_file)
    return None


def _earlier_parts(runner, scalars):
    """A resumed run continues the curve of the parts logged before it."""
    if not runner._resume:
        return []
    name = scalars.relative_to(runner.log_dir)
    parts = sorted(Path(runner.work_dir).glob(f'*/{name}'))
    return [part for part in parts if part != scalars]
