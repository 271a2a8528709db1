"""All models under one condition: one pass, one type, one size."""

import gc
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..planning.device_memory import limit_host_memory
from .breakdown import Breakdown, break_down, count_multiply_adds
from .failure import describe_failure
from .memory import count_held_bytes, count_saved_bytes, measure_peak
from .models import ModelSource, Size
from .modes import apply_mode, default_mode
from .passes import OPTIMIZERS, Step
from .peaks import measure_peaks
from .progress import Progress
from .rounds import time_in_turn

NOT_MEASURED = 'interrupted before it was measured'


@dataclass(frozen=True)
class Entry:
    """A model on the command line.

    Attributes:
        source (ModelSource): The model.
        mode (str | None): Its mode; None for the default of its kind.
    """

    source: ModelSource
    mode: str | None

    @property
    def label(self) -> str:
        """Its name in tables, with the mode if it is given."""
        return f'{self.source.label}@{self.mode}' if self.mode else self.source.label


@dataclass(frozen=True)
class Settings:
    """What holds for all conditions.

    Attributes:
        batch (int): Images per step.
        device (torch.device): Where the models run.
        runs (int): Rounds that count.
        warmup (int): Rounds before these.
        pure (bool): Whether weights and images have the type of the condition, instead of
            mixed precision.
        optimizer (str): A name in ``OPTIMIZERS``, or 'none'.
        breakdown (bool): Whether to find out where the time of a step goes.
    """

    batch: int
    device: torch.device
    runs: int
    warmup: int
    pure: bool = False
    optimizer: str = 'none'
    breakdown: bool = False


@dataclass(frozen=True)
class Condition:
    """What models are compared under.

    Attributes:
        name (str): The pass, one of ``PASSES``.
        dtype (torch.dtype): The type.
        size (tuple[int, int]): Height and width of the images.
    """

    name: str
    dtype: torch.dtype
    size: Size

    @property
    def training(self) -> bool:
        """Whether the pass is a step of a training."""
        return self.name == 'train'

    @property
    def dtype_name(self) -> str:
        """Such as 'float32'."""
        return str(self.dtype).removeprefix('torch.')


@dataclass
class Row:
    """A model under a condition.

    Attributes:
        label (str): The model with its mode, different from those of all other rows.
        condition (Condition): The condition.
        part (str): What of the model is timed.
        parameters (int, optional): Their number; None if it could not be built.
        seconds (list[float]): Times of the rounds; none if it failed.
        peak (int, optional): Bytes that a step takes, with weights and optimizer state.
        saved (float, optional): Bytes kept for the backward pass, per image.
        failure (str): The reason, if the model could not be timed or broken down.
        breakdown (Breakdown, optional): Where the time of a step goes.
        multiply_adds (float, optional): Of a step, per image, of the model as it is
            built.
        unit (str): What its size counts, 'pixels' or 'points'.
    """

    label: str
    condition: Condition
    part: str
    parameters: int | None = None
    seconds: list[float] = field(default_factory=list)
    peak: int | None = None
    saved: float | None = None
    failure: str = ''
    breakdown: Breakdown | None = None
    multiply_adds: float | None = None
    unit: str = 'pixels'


def measure_condition(
    condition: Condition, entries: Sequence[Entry], settings: Settings, progress: Progress
) -> tuple[list[Row], bool]:
    """Measure all models under one condition.

    Args:
        condition (Condition): The condition.
        entries (Sequence[Entry]): The models.
        settings (Settings): What holds for all conditions.
        progress (Progress): Reports what is done.

    Returns:
        tuple[list[Row], bool]: One row per model, in order, and whether Ctrl-C ended it.
    """
    rows: list[Row] = []
    steps: dict[int, Step] = {}
    try:
        with limit_host_memory(settings.device.type):
            for index, entry in enumerate(entries):
                row = Row(
                    entry.label, condition, entry.source.part, unit=entry.source.unit
                )
                rows.append(row)
                progress.say(f'preparing {row.label}')
                try:
                    steps[index] = prepare(row, entry, condition, settings)
                except Exception as error:
                    row.failure = describe_failure(error)
                make_distinct(row, rows)
            progress.say('warming up')
            rounds = time_in_turn(
                steps, settings.runs, settings.warmup, progress.show_rounds
            )
            for index, row in enumerate(rows):
                row.seconds = rounds.seconds.get(index, [])
                row.failure = row.failure or rounds.failures.get(index, '')
            if settings.breakdown and not rounds.interrupted:
                measured = {i: step for i, step in steps.items() if rows[i].seconds}
                break_down_all(measured, rows, condition, settings, progress)
    except KeyboardInterrupt:
        for row in rows:
            if not row.seconds:
                row.failure = row.failure or NOT_MEASURED
        return rows, True
    finally:
        steps.clear()
        gc.collect()
        if 'torch._dynamo' in sys.modules:  # importing it takes seconds
            torch.compiler.reset()
        if settings.device.type == 'cuda':
            torch.cuda.empty_cache()
    for row in rows:
        if not row.seconds and not row.failure:
            row.failure = NOT_MEASURED
    return rows, rounds.interrupted


def break_down_all(
    steps: Mapping[int, Step],
    rows: Sequence[Row],
    condition: Condition,
    settings: Settings,
    progress: Progress,
) -> None:
    """Find out where the time of the steps goes; fill in their rows.

    Args:
        steps (Mapping[int, Step]): Steps by the number of their row.
        rows (Sequence[Row]): The rows.
        condition (Condition): The condition.
        settings (Settings): What holds for all conditions.
        progress (Progress): Reports what is done.
    """
    progress.say('measuring the peaks of this machine')
    peaks = measure_peaks(settings.device, condition.dtype)
    for index, step in steps.items():
        progress.say(f'breaking down {rows[index].label}')
        try:
            rows[index].breakdown = break_down(step, peaks)
        except Exception as error:
            rows[index].failure = f'no breakdown: {describe_failure(error)}'


def prepare(row: Row, entry: Entry, condition: Condition, settings: Settings) -> Step:
    """Build a model, count its multiply-adds and measure its memory; fill in its row.

    Args:
        row (Row): The row of the model.
        entry (Entry): The model.
        condition (Condition): The condition.
        settings (Settings): What holds for all conditions.

    Returns:
        Step: What to time.
    """
    torch.manual_seed(0)
    device, training = settings.device, condition.training
    is_mixed = condition.dtype != torch.float32 and not settings.pure
    dtype = torch.float32 if is_mixed else condition.dtype
    model: nn.Module = entry.source.build(condition.size)
    row.parameters = sum(parameter.numel() for parameter in model.parameters())
    model = model.train(training).to(device, dtype)
    mode = entry.mode or default_mode(model, entry.source.is_ours, training)
    row.label = f'{entry.source.label}@{mode}'
    optimizer = None
    if training and settings.optimizer != 'none':
        optimizer = OPTIMIZERS[settings.optimizer](model.parameters())
    images = draw_inputs(entry.source, condition, settings.batch).to(device, dtype)
    autocast = condition.dtype if is_mixed else None
    counted = count_multiply_adds(Step(model, images, training, autocast))
    row.multiply_adds = counted / settings.batch
    step = Step(apply_mode(model, mode, training), images, training, autocast, optimizer)
    step()
    growth = measure_peak(step, device)
    if growth is not None:
        row.peak = growth + count_held_bytes(model, optimizer)
    if training:
        row.saved = count_saved_bytes(step.forward, model) / settings.batch
    return step


def draw_inputs(source: ModelSource, condition: Condition, batch: int) -> Tensor:
    """Normally distributed values, the same for all models of one input."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(source.input_shape(batch, condition.size), generator=generator)


def make_distinct(row: Row, rows: Sequence[Row]) -> None:
    """Number a model that is there more than once."""
    label, taken = row.label, {other.label for other in rows if other is not row}
    number = 2
    while row.label in taken:
        row.label = f'{label} ({number})'
        number += 1
