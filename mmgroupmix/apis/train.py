"""The command ``tools/train.py``: training, evaluation and curves."""

import argparse
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmengine.config import Config

from ..checkpoints.atomic_files import FULL_DISK
from ..checkpoints.file_checks import check_file
from ..engine.hooks import PreemptionHook
from ..engine.interruption import SignalWatch, TrainingInterrupted
from ..engine.query_selection import report_missing_positions
from ..engine.single_values import report_single_values
from ..engine.worker_signals import WorkerProtection
from ..errors import UserError
from .channel_checks import check_channels
from .checks import check_run
from .command_line import (
    build_parser,
    build_runner,
    is_main_rank,
    load_config,
    run_command,
)
from .compilation import (
    add_compile_option,
    check_compile_option,
    compile_training,
    take_compile_options,
)
from .config.main_rank import on_main_rank
from .config.training_options import (
    add_training_options,
    apply_training_options,
    count_accumulated_steps,
)
from .config.tree import type_name
from .data_scan import SCAN_FILE, write_scan
from .inference.drawn_images import draw_as_read
from .plan import MODES, plan_training
from .report.hook import ReportHook
from .resume import prepare_run
from .training_summary import describe_end, summarize_training
from .unreadable_files import report_unreadable_files

#: Hooks that every run gets, also with the user's own config.
HOOKS = (
    'CurveHook',
    'ClassNumCheckHook',
    'InvalidLossHook',
    'LoadedWeightsHook',
    'RandomStateHook',
    'ScheduleHook',
)
#: Parts of mmengine, and those of this package that replace them.
REPLACED = dict(
    CheckpointHook='DurableCheckpointHook',
    EarlyStoppingHook='ResumableEarlyStoppingHook',
    IterBasedTrainLoop='ResumableIterBasedTrainLoop',
    EpochBasedTrainLoop='ResumableEpochBasedTrainLoop',
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    try:
        return run_command(lambda: train(args), args.trust_checkpoint)
    except TrainingInterrupted as end:
        if is_main_rank():
            print(describe_end(end), flush=True)
        return int(end.code or 0)


def train(args: argparse.Namespace) -> int | None:
    """Train, evaluate and draw, or with ``--plan`` measure what that needs.

    Args:
        args (argparse.Namespace): Parsed options.

    Returns:
        int | None: The exit status of ``--plan``, None after a training.

    Raises:
        UserError: For anything that the user can correct.
        TrainingInterrupted: If a signal ended the training.
    """
    check_compile_option(args)
    if args.plan is not None:
        return plan_training(args, configure)
    with SignalWatch() as watch, ExitStack() as stack:
        with _full_disk_reported(tempfile.gettempdir()):
            cfg, task = load_config(args)
        resume = configure(cfg, args)
        compiling = take_compile_options(cfg, args)
        rows = check_run(cfg, task, MODES, args.scan == 'all')
        with _full_disk_reported(cfg.work_dir):
            checkpoint, seed = on_main_rank(
                lambda: prepare_run(cfg, resume, args.overwrite, stack)
            )
            if rows and is_main_rank():
                write_scan(rows, Path(cfg.work_dir) / SCAN_FILE)
            if checkpoint:
                cfg.resume, cfg.load_from = True, checkpoint
            elif resume:
                cfg.resume = False
                check_load_from(cfg)
            cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
            runner = build_runner(cfg)
            compile_training(runner, compiling)
            count_accumulated_steps(runner)
            runner.register_hook(PreemptionHook(watch))
            report_unreadable_files(runner)
            check_channels(runner)
            draw_as_read(runner, 'val_dataloader')
            if not args.no_report:
                runner.register_hook(ReportHook(task.collector, task.toolbox))
            stack.enter_context(WorkerProtection(runner))
            with report_single_values(), report_missing_positions():
                runner.train()
        if is_main_rank():
            print(summarize_training(runner, rows), flush=True)
    return None


def configure(cfg: Config, args: argparse.Namespace) -> str | None:
    """Set the options of the command line in a config, in place.

    Args:
        cfg (Config): The config.
        args (argparse.Namespace): Parsed options.

    Returns:
        str | None: What the run resumes from, see :func:`set_resume`.

    Raises:
        UserError: If an option does not fit the config.
    """
    resume = set_resume(cfg, args.resume)
    apply_training_options(cfg, args)
    make_resumable(cfg)
    if args.safetensors:
        set_safetensors(cfg)
    return resume


def make_resumable(cfg: Config) -> None:
    """Use the hooks and loops that a run needs to be resumed bit by bit, in place."""
    hooks = list(cfg.get('custom_hooks') or [])
    present = {type_name(hook) for hook in hooks}
    hooks += [dict(type=f'mmgroupmix.{name}') for name in HOOKS if name not in present]
    cfg.custom_hooks = hooks
    checkpoint = dict(type='CheckpointHook', interval=1)
    cfg.default_hooks = dict(checkpoint=checkpoint) | dict(cfg.get('default_hooks') or {})
    loop = cfg.get('train_cfg') or {}  # without one, the checks of the run stop
    by_epoch = loop.pop('by_epoch', None)
    if by_epoch is not None:
        loop['type'] = f'{"Epoch" if by_epoch else "Iter"}BasedTrainLoop'
    for part in (*cfg.custom_hooks, cfg.default_hooks['checkpoint'], loop):
        if type_name(part) in REPLACED:
            part['type'] = f'mmgroupmix.{REPLACED[type_name(part)]}'


def set_safetensors(cfg: Config) -> None:
    """Let the run write its weights as .safetensors files too, in place.

    Raises:
        UserError: If the config has a checkpoint hook of its own.
    """
    hook = cfg.default_hooks['checkpoint']
    if type_name(hook) != 'DurableCheckpointHook':
        raise UserError(
            f'--safetensors works with CheckpointHook; default_hooks.checkpoint is {hook}'
        )
    hook['safetensors'] = True


def set_resume(cfg: Config, resume: str | None) -> str | None:
    """Find out what the run resumes from.

    Args:
        cfg (Config): The config, changed in place.
        resume (str, optional): The option: 'auto', a checkpoint, or None.

    Returns:
        str | None: 'auto', a checkpoint, or None for a new run.

    Raises:
        UserError: If the checkpoint, or that of ``load_from``, does not exist.
    """
    if resume == 'auto':
        return resume
    if resume:
        cfg.resume, cfg.load_from = True, resume
    if cfg.get('resume') and not cfg.get('load_from'):
        return 'auto'
    check_load_from(cfg)
    return cfg.load_from if cfg.get('resume') else None


def check_load_from(cfg: Config) -> None:
    """Check that the checkpoint that the run loads is a file that can be read.

    Raises:
        UserError: If it is not.
    """
    path = cfg.get('load_from')
    if path and '://' not in path:
        check_file(path, '--resume: ' if cfg.get('resume') else 'load_from: ')


@contextmanager
def _full_disk_reported(work_dir: str) -> Iterator[None]:
    """Report a full disk, wherever it was noticed, in one message."""
    # A log that cannot be written would print a traceback for each of its lines.
    raise_exceptions, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        place = work_dir if os.path.isdir(work_dir) else os.curdir
        free = shutil.disk_usage(place).free / 2**20
        raise UserError(
            f'cannot write to {work_dir}: {error.strerror} ({free:.0f} MiB are free). '
            'What was complete before is intact. Make room, and go on with --resume.'
        ) from error
    finally:
        logging.raiseExceptions = raise_exceptions


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
    parser.add_argument(
        '--data',
        metavar='PATH',
        help='train on a folder of your own: COCO JSON, images with label maps, or class '
        'folders; writes a config for it into the work directory',
    )
    parser.add_argument(
        '--plan',
        nargs='?',
        type=int,
        const=0,
        metavar='PROCESSES',
        help='measure a few steps on generated images and print the time, memory, disk '
        'space and data that the run needs, with the processes of this job or so many',
    )
    parser.add_argument(
        '--safetensors',
        action='store_true',
        help='at the end, write the weights of the last and the best checkpoint as '
        '.safetensors files too, which are data and nothing else',
    )
    add_training_options(parser)
    add_compile_option(parser)
    return parser
