"""Where the time of a step goes: time by kind of operation, and the floor below it."""

import os
from dataclasses import dataclass

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from .operations import KINDS, Counts, OperationCounter
from .passes import Step, synchronize
from .peaks import Peaks

#: Steps whose times are averaged.
STEPS = 3
#: The profiler's library logs no more than fatal errors, where nobody set its level.
LOG_LEVEL = ('KINETO_LOG_LEVEL', '99')


@dataclass(frozen=True)
class Part:
    """What operations of one kind take in a step.

    Attributes:
        kind (str): One of ``KINDS``.
        seconds (float): Time in these operations; on a GPU, of its kernels.
        counts (Counts): What they are.
        floor (float): Seconds at the measured peaks.
    """

    kind: str
    seconds: float
    counts: Counts
    floor: float


@dataclass(frozen=True)
class Breakdown:
    """A step in parts.

    Attributes:
        parts (list[Part]): One per kind of operation that occurs, in the order of
            ``KINDS``.
        peaks (Peaks): What their floors refer to.
    """

    parts: list[Part]
    peaks: Peaks

    @property
    def total(self) -> Part:
        """All kinds together."""
        counts = [part.counts for part in self.parts]
        return Part(
            'all',
            sum(part.seconds for part in self.parts),
            Counts(
                sum(c.calls for c in counts),
                sum(c.operations for c in counts),
                sum(c.bytes for c in counts),
            ),
            sum(part.floor for part in self.parts),
        )

    def find_share(self, part: Part) -> float:
        """The share of a part in the time of all of them, from 0 to 1."""
        total = self.total.seconds
        return part.seconds / total if total else 0.0


def break_down(step: Step, peaks: Peaks) -> Breakdown:
    """Find out where the time of a step goes.

    Args:
        step (Step): The step; it has run before, so that libraries are loaded.
        peaks (Peaks): Peaks of the device.

    Returns:
        Breakdown: Counts of one step, times of the mean of ``STEPS``.
    """
    with OperationCounter() as counter:
        run_visibly(step)
    seconds = measure_seconds(step)
    return Breakdown(
        [
            Part(kind, seconds[kind], counts, find_floor(counts, peaks))
            for kind, counts in counter.counts.items()
            if counts.calls
        ],
        peaks,
    )


def measure_seconds(step: Step) -> dict[str, float]:
    """Seconds of a step by kind of operation."""
    os.environ.setdefault(*LOG_LEVEL)
    activities = [ProfilerActivity.CPU]
    is_on_gpu = step.images.device.type == 'cuda'
    if is_on_gpu:
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler, OperationCounter():
        for _ in range(STEPS):
            run_visibly(step)
    seconds = dict.fromkeys(KINDS, 0.0)
    for event in profiler.events():
        if event.name in seconds and event.device_type == DeviceType.CPU:
            micro = event.device_time_total if is_on_gpu else event.cpu_time_total
            seconds[event.name] += micro * 1e-6 / STEPS
    return seconds


def run_visibly(step: Step) -> None:
    """Run a step so that a mode sees what it consists of.

    Inference mode would hide what composite operators, such as ``linear``, consist of.
    """
    if step.training:
        step()
        return
    with torch.no_grad():
        step.forward()
    synchronize(step.images.device)


def count_multiply_adds(step: Step) -> int:
    """Multiply-adds of a step in linear layers, convolutions and attention.

    Args:
        step (Step): The step, of a model that is not compiled.

    Returns:
        int: Of the whole batch; in a training those of the backward pass too.
    """
    with OperationCounter() as counter:
        run_visibly(step)
    return sum(counts.operations for counts in counter.counts.values()) // 2


def find_floor(counts: Counts, peaks: Peaks) -> float:
    """Seconds that operations take at the peaks, products and memory at the same time."""
    return max(counts.operations / peaks.operations, counts.bytes / peaks.bytes)
