"""What a training prints at its end: the result, and where its files are."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.runner import Runner

from ..engine.hooks import CurveHook
from ..engine.hooks.curves import format_metrics
from ..engine.interruption import TrainingInterrupted
from ..engine.resuming import LAST_CHECKPOINT, find_resumable
from .command_line import wrap
from .data_scan import DataScan, describe_score
from .report.hook import find_report


def summarize_training(runner: Runner, rows: Sequence[DataScan]) -> str:
    """Format the result of a training, and where its files are.

    Args:
        runner (Runner): The runner, at the end of its training.
        rows (Sequence[DataScan]): What was found in its data.

    Returns:
        str: Several lines.
    """
    curve = next((hook for hook in runner.hooks if isinstance(hook, CurveHook)), None)
    lines = ['']
    if curve and curve.metrics is not None:
        lines.append(f'result       {format_metrics(curve.metrics)}')
        lines += describe_score(rows, 'val')
    last = find_last_checkpoint(Path(runner.work_dir))
    if last:
        lines.append(f'checkpoint   {_shorten_path(last)}')
    overlays = Path(runner.log_dir) / 'vis_data' / 'vis_image'
    if overlays.is_dir():
        lines.append(f'overlays     {_shorten_path(overlays)}')
    if curve and curve.out_file:
        lines.append(f'curves       {_shorten_path(curve.out_file)}')
    report = find_report(runner)
    if report:
        lines.append(f'report       {_shorten_path(report)}')
    if runner.cfg.get('demo'):
        lines += ['', wrap(runner.cfg.demo)]
    return '\n'.join(lines)


def find_last_checkpoint(work_dir: Path) -> Path | str | None:
    """The checkpoint that the note names, or the newest if the note is of no use."""
    note = work_dir / LAST_CHECKPOINT
    name = note.read_text(errors='replace').strip() if note.is_file() else ''
    if '://' in name:
        return name
    if name and os.path.isfile(work_dir / name):
        return work_dir / name
    return next(iter(find_resumable(work_dir)), None)


def _shorten_path(path: str | Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith('..') else relative


def describe_end(end: TrainingInterrupted) -> str:
    """Say which signal ended a training, what was saved and how to go on."""
    saved = (
        f'saved {_shorten_path(end.checkpoint)}; go on with --resume'
        if end.checkpoint
        else 'no step was taken, or no checkpoints are saved'
    )
    return f'\ninterrupted by {end.signal.name}: {saved}'
