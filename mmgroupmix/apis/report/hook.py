"""Hook that writes the report of a run at its end."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...checkpoints.atomic_files import write_atomically
from ...engine.hooks import CurveHook
from ..config.output_files import refuse_link
from .class_precision import ClassMetrics, record_class_precision
from .collector import Collector
from .page import GENERATOR, Page, render_page
from .recorder import Recorder

REPORT = 'report.html'
#: The generator of a page is named near its beginning.
HEAD_BYTES = 2000


class ReportHook(Hook):
    """Record each evaluation, and write ``report.html`` after a training or a test.

    The report is written into the log folder of the run, and into its work directory in
    place of an earlier one. Whatever fails ends in a warning, not in the end of the run.

    Args:
        build_collector (Callable): Builds what records an evaluation, from the metainfo
            of the dataset and the metrics.
        toolbox (str): The module of the toolbox.

    Attributes:
        out_file (Path | None): The report, once it has been written.
    """

    priority = 'LOWEST'

    def __init__(self, build_collector: Callable[..., Collector], toolbox: str):
        self.build_collector, self.toolbox = build_collector, toolbox
        self.out_file: Path | None = None
        self._recorder: Recorder | None = None
        self._metrics: Mapping[str, Any] | None = None
        self._class_metrics: dict[int, ClassMetrics] = {}
        self._evaluated = ''
        self._first_iter = 0

    def before_train(self, runner: Runner) -> None:
        # mmengine has loaded the checkpoint by now.
        self._first_iter = runner.iter

    def before_val_epoch(self, runner: Runner) -> None:
        unit = f'iteration {runner.iter}'
        self._evaluated = f'the last validation of the training, at {unit}'
        self._start(runner, runner.val_loop)

    def before_test_epoch(self, runner: Runner) -> None:
        self._evaluated = f'a test of {runner.cfg.get("load_from") or "the model"}'
        self._start(runner, runner.test_loop)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        if self._recorder:
            self._recorder.add(outputs or ())

    after_test_iter = after_val_iter

    def after_val_epoch(
        self, runner: Runner, metrics: Mapping[str, Any] | None = None
    ) -> None:
        self._metrics = dict(metrics or {})

    def after_test_epoch(
        self, runner: Runner, metrics: Mapping[str, Any] | None = None
    ) -> None:
        self._metrics = dict(metrics or {})
        self._write(runner)

    def after_train(self, runner: Runner) -> None:
        # A finished run that is resumed keeps its report.
        if runner.iter > self._first_iter or self._metrics is not None:
            self._write(runner)

    def _start(self, runner: Runner, loop: Any) -> None:
        try:
            self._recorder = self._build_recorder(loop)
        except Exception as error:
            self._recorder = None
            _warn(runner, 'the images are not recorded for the report', error)

    def _build_recorder(self, loop: Any) -> Recorder:
        evaluator, dataset = loop.evaluator, loop.dataloader.dataset
        found = self._class_metrics.get(id(evaluator))
        if found is None:
            found = self._class_metrics[id(evaluator)] = {}
            for metric in evaluator.metrics:
                record_class_precision(metric, found)
        found.clear()
        meta = getattr(dataset, 'metainfo', None) or {}
        collector = self.build_collector(meta, evaluator.metrics)
        return Recorder(collector, dataset, found)

    def _write(self, runner: Runner) -> None:
        try:
            if self._recorder:
                self._recorder.gather()
            if is_main_process():
                self.out_file = write_report(runner, self._describe(runner))
        except Exception as error:
            _warn(runner, 'the report could not be written', error)

    def _describe(self, runner: Runner) -> Page:
        evaluation = self._recorder.summarize() if self._recorder else None
        return Page(
            name=Path(runner.cfg.filename or runner.experiment_name).stem,
            evaluated=self._evaluated,
            metrics=self._metrics or {},
            evaluation=evaluation,
            curves=find_curves(runner),
            config=runner.cfg,
            scan_file=Path(runner.work_dir) / 'data_scan.json',
            toolbox=self.toolbox,
            command=shlex.join(sys.argv),
            date=datetime.now().astimezone().strftime('%Y-%m-%d %H:%M %Z'),
            seed=runner.seed,
        )


def _warn(runner: Runner, what: str, error: Exception) -> None:
    runner.logger.warning(f'{what}: {type(error).__name__}: {error}')


def find_report(runner: Runner) -> Path | None:
    """The report that a run has written, if it has."""
    hooks = (hook for hook in runner.hooks if isinstance(hook, ReportHook))
    return next((hook.out_file for hook in hooks), None)


def find_curves(runner: Runner) -> Path | None:
    """The curves of this training, or of the latest one in the work directory."""
    for hook in runner.hooks:
        if isinstance(hook, CurveHook) and hook.out_file:
            return Path(hook.out_file)
    drawn = sorted(Path(runner.work_dir).glob('*/curves.png'))
    return drawn[-1] if drawn else None


def write_report(runner: Runner, page: Page) -> Path:
    """Write the report into the log folder and, unless it is in the way, above it.

    Args:
        runner (Runner): The run.
        page (Page): The contents of the report.

    Returns:
        Path: The report in the work directory.

    Raises:
        OSError: If it cannot be written.
        UserError: If a link or another file has its name in the work directory.
    """
    content = render_page(page)
    write_atomically(Path(runner.log_dir) / REPORT, content)
    path = Path(runner.work_dir) / REPORT
    refuse_link(path)
    if path.is_file() and GENERATOR.encode() not in path.read_bytes()[:HEAD_BYTES]:
        raise FileExistsError(
            f'{path} is not a report of a run and stays as it is; the report is in '
            f'{runner.log_dir}'
        )
    write_atomically(path, content)
    return path
