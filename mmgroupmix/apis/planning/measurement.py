"""A few steps of a training, measured: time, memory and bytes of a checkpoint."""

import gc
import math
import os
import statistics
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..config.tree import type_name
from .device_memory import PeakMemory, read_peak, reset_peak
from .failures import describe_error, is_out_of_memory
from .largest_batch import build_largest_batch, has_random_size
from .schedule import plan_batch
from .step_timer import EnoughSteps, StepTimer
from .storage import checkpoint_hooks

NUM_WARM_UP, NUM_TIMED = 2, 5
#: Rounds of batches, one per worker, that are loaded without training.
LOADING_ROUNDS = 2
MAX_LOADING_SECONDS = 20
NUM_VAL_BATCHES, MAX_VAL_SECONDS = 4, 20
#: These would write, or send, what is not the user's run.
DROPPED_HOOKS = ('CurveHook', 'VisualizationHook', 'CheckpointHook', 'LoggerHook')


@dataclass
class Measurement:
    """What a few steps measured.

    Attributes:
        step (float): Seconds of a step, without the wait for data.
        num_timed (int): Steps behind ``step``.
        warmed_up (bool): Whether other steps preceded them.
        loading (float): Seconds of the loader for a batch, when nothing else runs.
        training_peak (PeakMemory): Peak of the steps.
        validation (float, optional): Seconds of a validation batch, loading included.
        validation_peak (PeakMemory, optional): Peak of the validation.
        input_shape (tuple[int, ...], optional): Largest input of the backbone.
        num_parameters (int): Parameters of the model.
        gradient_bytes (int): Bytes of the gradients.
        checkpoint (int): Bytes of a checkpoint to resume from; on the first rank.
        saves_optimizer (bool): Whether the config's checkpoints have the state of the
            optimizer.
        best_checkpoint (int): Bytes of one without the state of the optimizer.
        invalid_losses (set[str]): Losses that were NaN or infinite.
        failures (list[str]): What failed after the steps.
    """

    step: float = 0.0
    num_timed: int = 0
    warmed_up: bool = True
    loading: float = 0.0
    training_peak: PeakMemory = field(default_factory=lambda: PeakMemory(0, 0))
    validation: float | None = None
    validation_peak: PeakMemory | None = None
    input_shape: tuple[int, ...] | None = None
    num_parameters: int = 0
    gradient_bytes: int = 0
    saves_optimizer: bool = True
    checkpoint: int = 0
    best_checkpoint: int = 0
    invalid_losses: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)


def num_batches(cfg: Config, processes: int) -> dict[str, int]:
    """Batches that a measurement takes from each loader, for all processes.

    Args:
        cfg (Config): The config.
        processes (int): Processes that measure.

    Returns:
        dict[str, int]: By the name of the loader.
    """
    workers = max(cfg.train_dataloader.get('num_workers', 0), 1)
    queued = cfg.train_dataloader.get('prefetch_factor', None) or 2
    train = max(sum(_num_steps(cfg)), (LOADING_ROUNDS + queued) * workers)
    return dict(
        train_dataloader=train * processes, val_dataloader=NUM_VAL_BATCHES * processes
    )


def measure(
    cfg: Config,
    build_runner: Callable[[Config], Runner],
    folder: Path,
    report: Callable[[str], None],
    steps_only: bool = False,
) -> Measurement:
    """Run a few steps with mmengine's runner and measure them.

    Args:
        cfg (Config): The config, with generated images; it is not changed.
        build_runner (Callable[[Config], Runner]): Builds the runner of a training.
        folder (Path): A temporary folder for what the runner writes.
        report (Callable[[str], None]): Prints a line of progress.
        steps_only (bool): Run one step and nothing else. Defaults to False.

    Returns:
        Measurement: The figures.

    Raises:
        Exception: Whatever the steps of this training raise.
    """
    cfg = deepcopy(cfg)
    hook = next(iter(checkpoint_hooks(cfg)), {})
    _quieten(cfg, folder)
    accumulation = plan_batch(cfg, 1).accumulation
    timer = StepTimer(*((0, accumulation) if steps_only else _num_steps(cfg)), report)
    figures = Measurement(saves_optimizer=hook.get('save_optimizer', True))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        reset_peak()
        runner = build_runner(cfg)
        try:
            runner.register_hook(timer)
            _measure_steps(runner, timer, accumulation, figures)
            _measure_largest_batch(runner, cfg.train_dataloader.dataset, report, figures)
            figures.training_peak = read_peak()
            for name, part in () if steps_only else OTHER_PARTS:
                report(name)
                try:
                    part(runner, folder, figures)
                except Exception as error:  # the other figures still count
                    figures.failures.append(f'{name} failed: {describe_error(error)}')
        finally:
            del runner
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return figures


def _num_steps(cfg: Config) -> tuple[int, int]:
    """Steps to warm up and to time: both update the weights at least once."""
    accumulation = plan_batch(cfg, 1).accumulation
    return max(NUM_WARM_UP, accumulation), max(NUM_TIMED, accumulation)


def _quieten(cfg: Config, folder: Path) -> None:
    """Let a runner write to a temporary folder only, and print errors only; in place."""
    cfg.work_dir = str(folder / 'run')
    cfg.experiment_name = f'plan_{uuid.uuid4().hex}'
    cfg.log_level = 'ERROR'
    cfg.resume = False
    cfg.visualizer = dict(type='mmengine.Visualizer', vis_backends=[])
    hooks = {
        name: hook
        for name, hook in (cfg.get('default_hooks') or {}).items()
        if hook is None or not type_name(hook).endswith(DROPPED_HOOKS)
    }
    cfg.default_hooks = hooks | dict(checkpoint=None, logger=None)
    cfg.custom_hooks = [
        hook
        for hook in cfg.get('custom_hooks') or []
        if not type_name(hook).endswith(DROPPED_HOOKS)
    ]


@contextmanager
def _recorded_shapes(model: Any) -> Iterator[list[tuple[int, ...]]]:
    """Record the shapes of what enters the backbone."""
    shapes: list[tuple[int, ...]] = []
    backbone = getattr(model, 'backbone', None)
    if backbone is None:
        yield shapes
        return

    def record(module: Any, inputs: tuple) -> None:
        shapes.extend(tuple(x.shape) for x in inputs[:1] if isinstance(x, torch.Tensor))

    handle = backbone.register_forward_pre_hook(record)
    try:
        yield shapes
    finally:
        handle.remove()


def _measure_steps(
    runner: Runner, timer: StepTimer, accumulation: int, figures: Measurement
) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    with _recorded_shapes(model) as shapes, suppress(EnoughSteps):
        runner.train()
    figures.step = timer.typical_seconds(accumulation)
    figures.num_timed = len(timer.timed)
    figures.warmed_up = len(timer.seconds) > len(timer.timed)
    figures.invalid_losses = timer.invalid_losses
    figures.input_shape = max(shapes, key=math.prod, default=None)
    parameters = list(model.parameters())
    figures.num_parameters = sum(one.numel() for one in parameters)
    figures.gradient_bytes = sum(
        one.numel() * one.element_size() for one in parameters if one.requires_grad
    )


def _measure_largest_batch(
    runner: Runner, dataset: Any, report: Callable[[str], None], figures: Measurement
) -> None:
    """Take a step with the largest images, for the peak of the memory."""
    if not has_random_size(dataset):
        return
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    report('taking a step with the largest images')
    with _recorded_shapes(model) as shapes:
        try:
            batch = build_largest_batch(runner, dataset)
            runner.model.train()
            runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            report(f'no such step was possible: {describe_error(error)}')
    known = [figures.input_shape] if figures.input_shape else []
    figures.input_shape = max([*shapes, *known], key=math.prod, default=None)


def _measure_checkpoints(runner: Runner, folder: Path, figures: Measurement) -> None:
    for name, keep in (('checkpoint', True), ('best_checkpoint', False)):
        runner.save_checkpoint(
            str(folder),
            f'{name}.pth',
            save_optimizer=keep and figures.saves_optimizer,
            save_param_scheduler=keep,
            by_epoch=False,
        )
        path = folder / f'{name}.pth'
        if path.exists():  # the first rank writes
            setattr(figures, name, os.path.getsize(path))
            path.unlink()


def _measure_loading(runner: Runner, folder: Path, figures: Measurement) -> None:
    """Measure the seconds of a batch in the long run.

    The workers fill their queues while the first steps of a training run, so a wait in
    these steps says little. After these batches, each round brings one of each worker.
    """
    loader = runner.train_loop.dataloader
    workers = max(loader.num_workers, 1)
    # An infinite sampler goes on with the iterator of the loop only.
    batches = getattr(runner.train_loop, 'dataloader_iterator', None) or iter(loader)
    for _ in range(loader.num_workers * (loader.prefetch_factor or 0) or 1):
        next(batches)
    start, count = time.perf_counter(), 0
    while count < LOADING_ROUNDS * workers:
        next(batches)
        count += 1
        if time.perf_counter() - start > MAX_LOADING_SECONDS and count % workers == 0:
            break
    figures.loading = (time.perf_counter() - start) / count


def _measure_validation(runner: Runner, folder: Path, figures: Measurement) -> None:
    loop = runner.val_loop
    if loop is None:
        return
    reset_peak()
    runner.model.eval()
    seconds: list[float] = []
    start = end = time.perf_counter()
    for index, batch in enumerate(loop.dataloader):
        loop.run_iter(index, batch)
        seconds.append(time.perf_counter() - end)
        end = time.perf_counter()
        if len(seconds) >= NUM_VAL_BATCHES or end - start > MAX_VAL_SECONDS:
            break
    if seconds:
        # The first one waits for the workers to start.
        figures.validation = statistics.median(seconds[1:] or seconds)
        figures.validation_peak = read_peak()


#: What is measured after the steps, each with the words for its progress.
OTHER_PARTS = (
    ('saving a checkpoint to a temporary folder', _measure_checkpoints),
    ('loading batches without training', _measure_loading),
    ('validating a few batches', _measure_validation),
)
