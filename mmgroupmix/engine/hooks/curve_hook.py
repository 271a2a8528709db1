"""Hook that draws loss and metric curves while a run is training."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend

from ...registry import HOOKS
from .curves import plot_curves


@HOOKS.register_module()
class CurveHook(Hook):
    """Write ``curves.png`` into the log folder of a run after every validation.

    It draws the scalars that ``LocalVisBackend`` logs; without that backend it draws
    nothing.

    Attributes:
        out_file (str | None): The picture, once it has been drawn.
        metrics (dict[str, float] | None): The result of the latest evaluation, None
            before the first one.
    """

    # After LoggerHook (BELOW_NORMAL), which writes the metric to be drawn.
    priority = 'LOW'

    def __init__(self) -> None:
        self.out_file: str | None = None
        self.metrics: dict[str, float] | None = None
        self._is_resumed = False

    def before_train(self, runner: Runner) -> None:
        # mmengine has loaded the checkpoint by now.
        self._is_resumed = runner.iter > 0

    def after_val_epoch(
        self, runner: Runner, metrics: Mapping[str, float] | None = None
    ) -> None:
        self.metrics = dict(metrics or {})
        self._draw(runner)

    def after_test_epoch(
        self, runner: Runner, metrics: Mapping[str, float] | None = None
    ) -> None:
        self.metrics = dict(metrics or {})

    def after_train(self, runner: Runner) -> None:
        self._draw(runner)

    @master_only
    def _draw(self, runner: Runner) -> None:
        scalars = _find_scalars(runner)
        if scalars is None or not scalars.exists():
            return
        files = [scalars]
        log_dir = Path(runner.log_dir)
        # A file outside the log folder already contains the earlier parts of the run.
        if self._is_resumed and scalars.is_relative_to(log_dir):
            name = scalars.relative_to(log_dir).as_posix()
            logged = sorted(Path(runner.work_dir).glob(f'*/{name}'))
            files = [file for file in logged if file != scalars] + files
        out_file = str(log_dir / 'curves.png')
        if plot_curves(files, out_file):
            self.out_file = out_file


def _find_scalars(runner: Runner) -> Path | None:
    """The file that ``LocalVisBackend`` logs to, which a config can name and place."""
    # Both attributes are private. In public, mmengine finds a backend only by its name,
    # which a config may choose, and does not say where a backend writes.
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            # `experiment` completes the path, which is only a name until the first use.
            return Path(backend.experiment._scalar_save_file)
    return None
