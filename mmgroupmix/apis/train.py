"""The command ``tools/train.py``: training, evaluation and curves."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.runner import Runner

from ..engine.hooks import CurveHook
from ..engine.hooks.curves import format_metrics
from ..errors import UserError
from .command_line import (
    build_parser,
    build_runner,
    is_main_rank,
    load_config,
    run_command,
    wrap,
)
from .config.preflight import check_training
from .config.training_options import (
    add_training_options,
    apply_training_options,
    count_accumulated_steps,
)
from .config.tree import type_name
from .config.work_dir import find_checkpoints, prepare_work_dir
from .unreadable_files import report_unreadable_files

#: Hooks that every run gets, also with the user's own config.
HOOKS = ('CurveHook', 'ClassNumCheckHook')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: train(args))


def train(args: argparse.Namespace) -> None:
    """Train, evaluate and draw.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    cfg, _ = load_config(args)
    resume = set_resume(cfg, args.resume)
    apply_training_options(cfg, args)
    check_training(cfg)
    if is_main_rank():
        prepare_work_dir(cfg.work_dir, resume, args.overwrite)
        if resume == 'auto' and not find_checkpoints(cfg.work_dir):
            print(
                f'nothing to resume in {cfg.work_dir}: starting from scratch', flush=True
            )
    barrier()
    hooks = list(cfg.get('custom_hooks') or [])
    present = {type_name(hook) for hook in hooks}
    hooks += [dict(type=f'mmgroupmix.{name}') for name in HOOKS if name not in present]
    cfg.custom_hooks = hooks
    runner = build_runner(cfg)
    count_accumulated_steps(runner)
    report_unreadable_files(runner)
    runner.train()
    if is_main_rank():
        print(_summarize(runner), flush=True)


def set_resume(cfg: Config, resume: str | None) -> str | None:
    """Set what the run resumes from.

    Args:
        cfg (Config): The config, changed in place.
        resume (str, optional): The option: 'auto', a checkpoint, or None.

    Returns:
        str | None: 'auto', a checkpoint, or None for a new run.

    Raises:
        UserError: If the checkpoint, or that of ``load_from``, does not exist.
    """
    if resume:
        cfg.resume, cfg.load_from = True, None if resume == 'auto' else resume
    load_from = cfg.get('load_from')
    if load_from and '://' not in load_from and not os.path.isfile(load_from):
        option = '--resume' if resume else 'load_from'
        raise UserError(f'{option}: checkpoint not found: {load_from}')
    return load_from or 'auto' if cfg.get('resume') else None


def _summarize(runner: Runner) -> str:
    """The metric, and where the files of the run are."""
    curve = next((hook for hook in runner.hooks if isinstance(hook, CurveHook)), None)
    lines = ['']
    if curve and curve.metrics is not None:
        lines.append(f'result       {format_metrics(curve.metrics)}')
    note = Path(runner.work_dir) / 'last_checkpoint'
    if note.exists():
        lines.append(f'checkpoint   {_shorten_path(note.read_text().strip())}')
    overlays = Path(runner.log_dir) / 'vis_data' / 'vis_image'
    if overlays.is_dir():
        lines.append(f'overlays     {_shorten_path(overlays)}')
    if curve and curve.out_file:
        lines.append(f'curves       {_shorten_path(curve.out_file)}')
    if runner.cfg.get('demo'):
        lines += ['', wrap(runner.cfg.demo)]
    return '\n'.join(lines)


def _shorten_path(path: str | Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith('..') else relative


def _build_parser() -> argparse.ArgumentParser:
    parser = build_parser('Train a model of mmdet, mmseg or mmpretrain.')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from a checkpoint; without a value, from the latest one in the '
        'work directory',
    )
    add_training_options(parser)
    return parser
