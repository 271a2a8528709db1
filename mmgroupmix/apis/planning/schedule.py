"""Steps, validations, batch size and learning rate of a run, by mmengine's rules."""

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.config import Config

#: mmengine's defaults for a loop that does not name its interval.
DEFAULT_INTERVALS = dict(max_epochs=1, max_iters=1000)


@dataclass(frozen=True)
class Schedule:
    """The length of a training.

    Attributes:
        unit (str): 'epochs' or 'iterations'.
        length (int, optional): Number of units; None if the loop names none.
        steps_per_epoch (int, optional): None if unknown or not counted in epochs.
        validations (int): How often the run validates.
    """

    unit: str
    length: int | None
    steps_per_epoch: int | None
    validations: int

    @property
    def steps(self) -> int | None:
        """All iterations of the run, None if unknown."""
        if self.unit == 'iterations' or self.length is None:
            return self.length
        return self.steps_per_epoch and self.steps_per_epoch * self.length


@dataclass(frozen=True)
class BatchPlan:
    """The batch and the learning rates that result.

    Attributes:
        per_device (int): Images per process and step.
        processes (int): Processes of the job.
        accumulation (int): Steps whose gradients are added up.
        base (int, optional): The batch size that the learning rate is meant for.
        scaled (bool): Whether the learning rate is scaled to the batch.
        rates (dict[str, float]): Learning rate of each optimizer in the config.
    """

    per_device: int
    processes: int
    accumulation: int
    base: int | None
    scaled: bool
    rates: dict[str, float]

    @property
    def total(self) -> int:
        """Images of one update of the weights."""
        return self.per_device * self.processes * self.accumulation

    @property
    def factor(self) -> float:
        """Factor of the learning rate with ``--auto-scale-lr``."""
        return self.total / self.base if self.base else 1.0


def plan_schedule(cfg: Config, num_images: int | None, processes: int) -> Schedule:
    """Compute the length of a training.

    Args:
        cfg (Config): The config.
        num_images (int, optional): Images of an epoch, None if unknown.
        processes (int): Processes of the job.

    Returns:
        Schedule: Steps and validations.
    """
    train_cfg = cfg.train_cfg
    key = next((key for key in DEFAULT_INTERVALS if key in train_cfg), '')
    length = train_cfg.get(key)
    by_epoch = key != 'max_iters'
    per_epoch = None
    if by_epoch and num_images is not None:
        per_epoch = count_batches(cfg.train_dataloader, num_images, processes)
    validations = 0
    if length and cfg.get('val_dataloader'):
        validations = _count_validations(train_cfg, length, DEFAULT_INTERVALS[key])
    return Schedule(
        'epochs' if by_epoch else 'iterations', length, per_epoch, validations
    )


def count_batches(loader: Mapping, num_images: int, processes: int) -> int:
    """Batches of one pass of a data loader in each process.

    Args:
        loader (Mapping): Config of the data loader.
        num_images (int): Images of its dataset.
        processes (int): Processes of the job.

    Returns:
        int: Number of batches.
    """
    batch_size = loader.get('batch_size', 1)
    limit = loader.get('num_batch_per_epoch')
    if limit is not None:
        num_images = min(num_images, limit * batch_size * processes)
    samples = math.ceil(num_images / processes)
    batch_sampler = loader.get('batch_sampler') or {}
    if loader.get('drop_last') or batch_sampler.get('drop_last'):
        return samples // batch_size
    return math.ceil(samples / batch_size)


def plan_batch(cfg: Config, processes: int) -> BatchPlan:
    """Compute the total batch size and the learning rates.

    Args:
        cfg (Config): The config, ``auto_scale_lr.enable`` set by the options.
        processes (int): Processes of the job.

    Returns:
        BatchPlan: Batch and rates.
    """
    wrapper = cfg.optim_wrapper
    wrappers = {'': wrapper} if 'optimizer' in wrapper else dict(wrapper)
    wrappers = {k: v for k, v in wrappers.items() if isinstance(v, Mapping)}
    rates = {
        name: one['optimizer']['lr']
        for name, one in wrappers.items()
        if isinstance((one.get('optimizer') or {}).get('lr'), (int, float))
    }
    settings = cfg.get('auto_scale_lr') or {}
    return BatchPlan(
        per_device=cfg.train_dataloader.get('batch_size', 1),
        processes=processes,
        accumulation=max(
            (one.get('accumulative_counts', 1) for one in wrappers.values()), default=1
        ),
        base=settings.get('base_batch_size'),
        scaled=bool(settings.get('enable')),
        rates=rates,
    )


def _count_validations(train_cfg: Mapping, length: int, default: int) -> int:
    begin = train_cfg.get('val_begin', 1)
    dynamic = train_cfg.get('dynamic_intervals') or []
    milestones = [0, *(milestone for milestone, _ in dynamic)]
    intervals = [train_cfg.get('val_interval', default), *(item for _, item in dynamic)]
    count = 0
    for step in range(max(begin, 1), length + 1):
        interval = intervals[bisect.bisect(milestones, step + 1) - 1]
        count += step % interval == 0 or step == length
    return count
