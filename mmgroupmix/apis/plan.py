"""``tools/train.py --plan``: what a training needs, before it takes a night."""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

from mmengine.config import Config
from mmengine.dist import all_gather_object, barrier, get_world_size, is_distributed
from mmengine.runner import Runner

from ..engine.lock import check_not_in_use
from ..errors import USER_ERROR_EXIT_CODE, UserError
from .checks import find_mistakes
from .command_line import (
    build_runner,
    is_main_rank,
    load_config,
    wrap,
)
from .config.training_options import count_accumulated_steps
from .config.work_dir import find_checkpoints, prepare_work_dir
from .data_scan import DataScan
from .planning.attempts import measure_with_retries
from .planning.data_table import LoaderData, inspect_data
from .planning.device_memory import describe_device
from .planning.plan import Plan
from .planning.report import format_plan
from .planning.schedule import plan_batch, plan_schedule
from .planning.storage import count_checkpoints, find_free_space
from .planning.weights import drop_missing_weights
from .tasks import Task

#: The loops of a training.
MODES = ('train', 'val')


#: Sets the options of the command line in a config; returns what a run resumes from.
Configure = Callable[[Config, argparse.Namespace], str | None]


def plan_training(args: argparse.Namespace, configure: Configure) -> int:
    """Measure a few steps of a training and print what the whole of it needs.

    Args:
        args (argparse.Namespace): Parsed options of ``train.py``; ``args.plan`` is the
            number of processes to plan for, 0 for those of this job.
        configure (Configure): Sets the other options.

    Returns:
        int: 0, or 2 if the run would fail, with the reasons on stderr.

    Raises:
        UserError: If the options do not fit together or the config cannot be read.
    """
    if args.demo:
        raise UserError(
            '--plan measures the real run; --demo shrinks it. Give one of the two.'
        )
    if args.plan < 0:
        raise UserError(f'--plan {args.plan}: the number of processes is at least 1')
    cfg, task = load_config(args)
    task.check_option('--plan')
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper'):
        if not cfg.get(key):
            raise UserError(
                f'{args.config} has no {key}, so it does not describe a training to plan'
            )
    plan = make_plan(cfg, task, args, configure)
    if is_main_rank():
        print(format_plan(plan), flush=True)
        if plan.problems:
            print(_list_problems(plan.problems), file=sys.stderr, flush=True)
    if is_distributed():
        barrier()  # a rank that ends early would end the others before they print
    return USER_ERROR_EXIT_CODE if plan.problems else 0


def make_plan(
    cfg: Config, task: Task, args: argparse.Namespace, configure: Configure
) -> Plan:
    """Compute and measure a plan.

    Args:
        cfg (Config): The config of the run, changed in place.
        task (Task): Its task.
        args, configure: See :func:`plan_training`.

    Returns:
        Plan: All figures, and the problems that a run would have.
    """
    problems = drop_missing_weights(cfg)
    resume = _collect(problems, lambda: configure(cfg, args))
    if is_main_rank():
        _collect(problems, lambda: check_not_in_use(cfg.work_dir))
    if not args.overwrite:
        _collect(problems, lambda: prepare_work_dir(cfg.work_dir, resume, False))
    measured_with = get_world_size()
    processes = args.plan or measured_with

    report = _progress(sys.stdout)
    report('reading the annotations')
    data: dict[str, LoaderData] = {}
    scan: list[DataScan] = []
    warnings: list[str] = []
    if is_main_rank():
        mistakes, scan = find_mistakes(cfg, task, MODES)
        problems += mistakes.errors
        warnings = mistakes.warnings
    for name in (f'{mode}_dataloader' for mode in MODES):
        if cfg.get(name):
            with redirect_stdout(io.StringIO()):  # pycocotools prints
                data[name] = inspect_data(cfg, task, name)
            if not problems:
                problems += data[name].problems
    schedule = plan_schedule(cfg, data['train_dataloader'].num_images, processes)
    plan = Plan(
        config=str(args.config),
        task=task.name,
        device=describe_device(),
        processes=processes,
        measured_with=measured_with,
        batch=plan_batch(cfg, processes),
        schedule=schedule,
        data=data,
        scan=scan,
        warnings=warnings,
        num_outputs=task.num_outputs(cfg.model),
        val_batch_size=(cfg.get('val_dataloader') or {}).get('batch_size', 1),
        num_workers=cfg.train_dataloader.get('num_workers', 0),
        kept=count_checkpoints(cfg, schedule),
        space=find_free_space(cfg.work_dir),
        resume=resume,
    )
    if resume == 'auto' or args.overwrite:
        plan.replaced_bytes = sum(
            path.stat().st_size for path in find_checkpoints(cfg.work_dir)
        )
    with (
        tempfile.TemporaryDirectory(prefix='mmgroupmix_plan_') as folder,
        redirect_stdout(io.StringIO()),
    ):
        plan.figures, plan.sides, found = measure_with_retries(
            cfg, task, _build_runner, Path(folder), report
        )
    plan.problems = problems + found
    plan.problems += plan.find_storage_problems()
    if is_distributed():
        plan.problems = _merge(plan.problems)
    return plan


def _build_runner(cfg: Config) -> Runner:
    runner = build_runner(cfg)
    count_accumulated_steps(runner)
    return runner


def _collect(problems: list[str], check: Callable[[], str | None]) -> str | None:
    """Run a check; what it refuses becomes a problem."""
    try:
        return check()
    except UserError as error:
        problems.append(str(error))
        return None


def _merge(problems: list[str]) -> list[str]:
    """The problems of all ranks, each once."""
    gathered = all_gather_object(problems)
    return list(dict.fromkeys(problem for one in gathered for problem in one))


def _progress(stream: TextIO) -> Callable[[str], None]:
    """What prints a line of progress, also while other output is silenced."""

    def report(text: str) -> None:
        if is_main_rank():
            print(f'... {text}', file=stream, flush=True)

    return report


def _list_problems(problems: list[str]) -> str:
    lines = ['error: this run would fail:']
    for number, problem in enumerate(problems, start=1):
        first, *others = problem.splitlines()
        lines.append(wrap(f'{number}. {first}').replace('\n', '\n   '))
        lines += [f'   {line}' for line in others]
    return '\n'.join(lines)
