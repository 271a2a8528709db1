"""The measured steps, and what is tried where they fail."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_rank, get_world_size, is_distributed
from mmengine.runner import Runner

from ...errors import UserError
from ..config.preflight import find_worker_keys, lacks_accelerator
from ..config.tree import type_name
from ..tasks import Task
from .device_memory import limit_host_memory
from .failures import describe_error, is_out_of_memory
from .generated_data import use_generated_images
from .measurement import Measurement, measure, num_batches
from .weights import find_weights

BuildRunner = Callable[[Config], Runner]
Report = Callable[[str], None]


def measure_with_retries(
    cfg: Config, task: Task, build_runner: BuildRunner, folder: Path, report: Report
) -> tuple[Measurement | None, tuple[int, int] | None, list[str]]:
    """Measure a few steps on generated images; look for the cause where they fail.

    Weights that cannot be loaded are left out, and a batch that is too large is halved.

    Args:
        cfg (Config): The config of the run; it is not changed.
        task (Task): Its task.
        build_runner (Callable[[Config], Runner]): Builds the runner of a training.
        folder (Path): A temporary folder.
        report (Callable[[str], None]): Prints a line of progress.

    Returns:
        tuple[Measurement | None, tuple[int, int] | None, list[str]]: The figures, None if
        no step succeeded; the sides of the images; and the problems of a run.

    Raises:
        UserError: If a step fails in a job of several processes: the others wait for this
            one, so that nothing else can be tried.
    """
    cfg = deepcopy(cfg)
    if type_name(cfg.optim_wrapper) == 'AmpOptimWrapper' and lacks_accelerator():
        # A problem of the run that is known already; the rest is measured in float32.
        cfg.optim_wrapper.type = 'OptimWrapper'
        for key in ('loss_scale', 'dtype', 'use_fsdp'):
            cfg.optim_wrapper.pop(key, None)
    for key in find_worker_keys(cfg.train_dataloader):
        cfg.train_dataloader.pop(key)  # another one
    report('generating images')
    try:
        needed = num_batches(cfg, get_world_size())
        sides = use_generated_images(cfg, task, folder, needed)
    except (UserError, ImportError) as error:
        return None, None, [f'no step can be measured: {error}']
    report('building the model and taking the first steps; on a CPU they take minutes')
    figures, failure, too_large = _try(cfg, build_runner, folder, report)
    problems = []
    if failure and not too_large and find_weights(cfg):
        report('these steps failed; trying without the pretrained weights')
        without = deepcopy(cfg)
        for _, _, drop in find_weights(without):
            drop()
        first = failure
        figures, failure, too_large = _try(without, build_runner, folder, report)
        if first != failure:
            problems.append(f'the pretrained weights cannot be loaded: {first}')
            cfg = without
    if failure and too_large:
        fitting = _find_batch(cfg, build_runner, folder, report)
        problems.append(_describe_too_large(cfg, failure, fitting))
    elif failure:
        problems.append(f'a training step failed: {failure}')
    problems += figures.failures if figures else []
    if figures and figures.invalid_losses:
        names = ', '.join(sorted(figures.invalid_losses))
        problems.append(
            f'the loss is NaN or infinite within the first steps: {names}. Lower the '
            'learning rate, or train in float32.'
        )
    return figures, sides, problems


def _try(
    cfg: Config,
    build_runner: BuildRunner,
    folder: Path,
    report: Report,
    steps_only: bool = False,
) -> tuple[Measurement | None, str, bool]:
    """Measure; return the figures, or the error and whether memory is its cause.

    The exception itself would keep the tensors of its frames in memory.
    """
    try:
        with limit_host_memory():
            return measure(cfg, build_runner, folder, report, steps_only), '', False
    except Exception as error:
        failure, too_large = describe_error(error), is_out_of_memory(error)
    if is_distributed():
        kind = 'does not fit into memory' if too_large else 'failed'
        raise UserError(f'rank {get_rank()}: a training step {kind}: {failure}')
    return None, failure, too_large


def _find_batch(
    cfg: Config, build_runner: BuildRunner, folder: Path, report: Report
) -> tuple[int, Measurement] | None:
    """The first half, quarter, ... of the batch that fits, with its figures."""
    size = cfg.train_dataloader.get('batch_size', 1) // 2
    while size:
        report(f'out of memory; trying {size} images per device')
        smaller = deepcopy(cfg)
        smaller.train_dataloader.batch_size = size
        figures, _, too_large = _try(smaller, build_runner, folder, report, True)
        if figures:
            return size, figures
        if not too_large:
            return None
        size //= 2
    return None


def _describe_too_large(
    cfg: Config, failure: str, fitting: tuple[int, Measurement] | None
) -> str:
    size = cfg.train_dataloader.get('batch_size', 1)
    text = f'{size} images per device do not fit into memory here ({failure}).'
    if not fitting:
        return f'{text} No smaller batch was found to fit.'
    fitted, figures = fitting
    peak = figures.training_peak.peak / 2**30
    factor = -(-size // fitted)
    return (
        f'{text} {fitted} fit, at a peak of {peak:.1f} GiB: train_dataloader.batch_size='
        f'{fitted}, with optim_wrapper.accumulative_counts={factor} for the same total.'
    )
