"""The common part of the commands: options, errors, and the config of a run."""

import argparse
import multiprocessing
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.dist import init_dist, is_distributed
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..checkpoints import trust_checkpoints
from ..checks import CHECKS, get_skipped_checks, validate_names
from ..compat import format_once, prepare_distributed
from ..errors import USER_ERROR_EXIT_CODE, UserError
from .config.generation import check_generation
from .config.main_rank import on_main_rank
from .config.output_files import refuse_link
from .config.preprocessor import check_preprocessor
from .config.read import merge_options, read_config
from .demo.schedule import planned_length
from .demo.transform import to_demo
from .inference.interruption import INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE
from .own_data.prepare import find_original, prepare_data
from .tasks import Task, infer_task


def run_command(command: Callable[[], int | None], trust_checkpoint: bool = False) -> int:
    """Run a command; a :class:`UserError` becomes one message on stderr.

    Any other exception is a defect of the program and keeps its traceback.

    Args:
        command (Callable[[], int | None]): The command; it may return an exit code.
        trust_checkpoint (bool): Whether checkpoints may run code; the value of
            ``--trust-checkpoint``. Defaults to False.

    Returns:
        int: The command's exit code or 0, and 2 after a ``UserError``.
    """
    try:
        with trust_checkpoints() if trust_checkpoint else nullcontext():
            return command() or 0
    except UserError as error:
        # Data loader workers pass an exception on with its traceback as the text.
        message = str(error).split(f'{UserError.__name__}: ')[-1].strip()
        print(f'error: {message}', file=sys.stderr)
        return USER_ERROR_EXIT_CODE
    finally:
        if multiprocessing.active_children():
            # Python ends them by SIGTERM, and torch calls a data loader worker that was
            # still starting then a crash.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def run_interruptible(
    command: Callable[[], int | None], message: str, trust_checkpoint: bool = False
) -> int:
    """Run a command as :func:`run_command` does, and end in order when it is stopped.

    Args:
        command (Callable[[], int | None]): The command.
        message (str): What remains after Ctrl-C, for stderr.
        trust_checkpoint (bool): As for :func:`run_command`. Defaults to False.

    Returns:
        int: As of :func:`run_command`, and 130 after Ctrl-C.
    """
    # Clusters end a job by SIGTERM: files, above all videos, have to be closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED_EXIT_CODE))
    try:
        return run_command(command, trust_checkpoint)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
        print(f'\n{message}', file=sys.stderr)
        return INTERRUPTED_EXIT_CODE


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that lets checkpoints run code."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='let a checkpoint that is refused otherwise run the code in it; only for '
        'files whose origin you know',
    )


def parse_size(text: str) -> tuple[int, int]:
    """Parse the height and width of images, as an option of a command.

    Args:
        text (str): Such as '800x1216', or the side of a square.

    Returns:
        tuple[int, int]: Height and width.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    sides = [int(side) if side.isdigit() else 0 for side in text.split('x')]
    if len(sides) > 2 or min(sides) < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected a side such as 224, or HxW')
    return sides[0], sides[-1]


def build_parser(description: str) -> argparse.ArgumentParser:
    """Build a parser with the options that training and testing share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file of mmdet, mmseg or mmpretrain')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; default: '
        'work_dirs/<config name>, with --demo work_dirs/demo/<config name>',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='settings that replace those of the config, such as '
        'train_cfg.max_iters=100 or key="[(a,b),(c,d)]" (no blanks inside)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed job were started; default: none',
    )
    parser.add_argument(
        '--demo',
        action='store_true',
        help='check this config in minutes: mini dataset, small sizes, short schedule',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help="remove an earlier run's checkpoints or outputs that are in the way",
    )
    parser.add_argument(
        '--scan',
        choices=['sample', 'all'],
        default='sample',
        help='how many images and label maps to look at before the run; default: sample',
    )
    parser.add_argument(
        '--skip-check',
        nargs='+',
        default=[],
        metavar='NAME',
        help='leave checks out: ' + ', '.join(CHECKS),
    )
    parser.add_argument(
        '--no-report',
        action='store_true',
        help='do not write report.html into the work directory at the end',
    )
    add_trust_option(parser)
    # torch's launchers pass one spelling or the other.
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
    )
    return parser


def load_config(args: argparse.Namespace) -> tuple[Config, Task]:
    """Prepare the config of a run: read it, join the job, transform and finish it.

    Args:
        args (argparse.Namespace): Parsed options of :func:`build_parser`.

    Returns:
        tuple[Config, Task]: The config, with ``work_dir`` and ``launcher`` set, and its
        task.

    Raises:
        UserError: If the file or a module that it imports is missing, a demo is not
            possible, or the run would overwrite the file.
    """
    cfg = read_config(args.config)
    check_generation(cfg)
    if getattr(args, 'data', None) is not None:
        cfg = use_own_data(cfg, args)
    planned = planned_length(cfg) if args.demo else None
    merge_options(cfg, args.cfg_options)
    skipped = get_skipped_checks(cfg) | validate_names(args.skip_check)
    if skipped:
        cfg.skip_checks = sorted(skipped)
    join_distributed_job(cfg, args.launcher, args.local_rank)
    task = infer_task(cfg)
    check_preprocessor(cfg, task.toolbox)
    if args.demo:
        # Stored in the config, so that the dumped one identifies itself as a demo's.
        cfg.demo = to_demo(cfg, task, planned, args.cfg_options)
        if is_main_rank():
            print(f'\n{wrap(cfg.demo)}\n', flush=True)
    set_work_dir(cfg, args)
    return cfg, task


def use_own_data(cfg: Config, args: argparse.Namespace) -> Config:
    """Write a config for the data of ``--data``, and read that instead.

    Args:
        cfg (Config): The config that the user gave.
        args (argparse.Namespace): Parsed options.

    Returns:
        Config: The written config; its complete form will get the name of the user's.

    Raises:
        UserError: If the data are not recognised or do not fit.
    """
    if args.demo:
        raise UserError('--demo generates data; --data names yours. Give one of the two.')
    task = infer_task(cfg)
    task.check_option('--data')
    run = deepcopy(cfg)  # what concerns this run alone is not written
    run.merge_from_dict(args.cfg_options)
    join_distributed_job(run, args.launcher, args.local_rank)
    set_work_dir(run, args)
    prepared = on_main_rank(
        lambda: prepare_data(
            cfg,
            task,
            args.data,
            run.work_dir,
            args.cfg_options,
            keep=args.resume is not None,
            overwrite=args.overwrite,
        )
    )
    if is_main_rank():
        print(f'\n{prepared.report}\n', flush=True)
    written = read_config(prepared.config)
    set_filename(written, cfg.filename)
    return written


def join_distributed_job(cfg: Config, launcher: str, local_rank: int) -> None:
    """Join the job early: its first rank writes the mini data while the others wait."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    cfg.launcher = launcher
    if launcher == 'none':
        return
    try:
        prepare_distributed(cfg, launcher)
        if not is_distributed():
            env_cfg = cfg.get('env_cfg') or {}
            init_dist(launcher, **(env_cfg.get('dist_cfg') or dict(backend='nccl')))
    except RuntimeError as error:
        raise UserError(str(error)) from error


def set_work_dir(cfg: Config, args: argparse.Namespace) -> None:
    """Set the work directory, which must not be the folder of the config file."""
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif args.demo or not cfg.get('work_dir'):
        folder = 'work_dirs/demo' if args.demo else 'work_dirs'
        cfg.work_dir = f'{folder}/{Path(args.config).stem}'
    if os.path.realpath(cfg.work_dir) == os.path.dirname(os.path.realpath(args.config)):
        if original := find_original(args.config):
            set_filename(cfg, original)
            return
        raise UserError(
            f'the work directory {cfg.work_dir} is the folder of {args.config}: mmengine '
            'writes the complete config there under the same name and would overwrite '
            'yours. Give another --work-dir.'
        )
    refuse_link(Path(cfg.work_dir) / Path(args.config).name)


def set_filename(cfg: Config, name: str) -> None:
    """Let the runner write the complete config under another name than it was read."""
    object.__setattr__(cfg, '_filename', name)


def build_runner(cfg: Config) -> Runner:
    """Build mmengine's runner, or the one that the config names."""
    format_once()
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def wrap(text: str) -> str:
    """Wrap text in lines that a terminal does not break within words."""
    return textwrap.fill(text, 96, break_long_words=False, break_on_hyphens=False)


def is_main_rank() -> bool:
    """Whether this process prints for the job; known before the job is joined."""
    return int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))) == 0
