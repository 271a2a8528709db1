"""The figures of a plan and what follows from them."""

from dataclasses import dataclass, field

from ..data_scan import DataScan
from .data_table import LoaderData
from .measurement import Measurement
from .schedule import BatchPlan, Schedule
from .storage import FreeSpace, KeptCheckpoints
from .units import format_bytes


@dataclass
class Plan:
    """What a run needs.

    Attributes:
        config (str): The config file.
        task (str): Name of the task.
        device (str): The device that measured.
        processes (int): Processes that the plan is for.
        measured_with (int): Processes that measured.
        batch (BatchPlan): Batch and learning rates.
        schedule (Schedule): Steps and validations.
        data (dict[str, LoaderData]): The data by the name of the loader.
        num_outputs (int, optional): Classes that the model predicts.
        val_batch_size (int): Images of a validation batch.
        num_workers (int): Workers of the training loader.
        kept (KeptCheckpoints): Checkpoints on disk at once.
        space (FreeSpace): The disk of the work directory.
        resume (str, optional): What the run resumes from.
        replaced_bytes (int): Bytes of earlier checkpoints that the run removes.
        figures (Measurement, optional): None if no step succeeded.
        sides (tuple[int, int], optional): Sides of the generated images.
        scan (list[DataScan]): What is in the data.
        warnings (list[str]): What is suspicious in config and data.
        problems (list[str]): Why the run would fail.
    """

    config: str
    task: str
    device: str
    processes: int
    measured_with: int
    batch: BatchPlan
    schedule: Schedule
    data: dict[str, LoaderData]
    num_outputs: int | None
    val_batch_size: int
    num_workers: int
    kept: KeptCheckpoints
    space: FreeSpace
    resume: str | None = None
    replaced_bytes: int = 0
    figures: Measurement | None = None
    sides: tuple[int, int] | None = None
    scan: list[DataScan] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def seconds_per_step(self) -> float:
        """Seconds of a step; workers load the next batches meanwhile."""
        figures = self.figures or Measurement()
        if self.num_workers:
            return max(figures.step, figures.loading)
        return figures.step + figures.loading

    @property
    def validation_seconds(self) -> float | None:
        """Seconds of one validation, None if unknown, 0 without one."""
        if not self.schedule.validations:
            return 0.0
        data = self.data.get('val_dataloader')
        per_batch = self.figures and self.figures.validation
        if not per_batch or data is None or data.num_images is None:
            return None
        batches = -(-data.num_images // (self.val_batch_size * self.processes))
        return batches * per_batch

    @property
    def total_seconds(self) -> float | None:
        """Seconds of the whole run, None if unknown."""
        steps, validation = self.schedule.steps, self.validation_seconds
        if not self.figures or steps is None or validation is None:
            return None
        return steps * self.seconds_per_step + self.schedule.validations * validation

    @property
    def needed_bytes(self) -> int | None:
        """Bytes of all checkpoints that are on disk at once, None if not measured."""
        figures = self.figures
        if not figures or not figures.checkpoint:
            return None
        return self.kept.bytes(figures.checkpoint, figures.best_checkpoint)

    def find_storage_problems(self) -> list[str]:
        """What the disk of the work directory lacks."""
        problems = []
        if self.space.obstacle:
            problems.append(
                f'{self.space.obstacle} is in the way of the work directory: it is not a '
                'folder. Give another --work-dir, or move it away.'
            )
        if not self.space.writable:
            problems.append(
                f'{self.space.folder} is not writable, so the work directory cannot be '
                'written. Give another --work-dir.'
            )
        free = self.space.bytes + self.replaced_bytes
        if self.needed_bytes is not None and self.needed_bytes > free:
            problems.append(
                f'the checkpoints need {format_bytes(self.needed_bytes)} and '
                f'{self.space.folder} has {format_bytes(free)} free. Free some, give '
                'another --work-dir, or lower default_hooks.checkpoint.max_keep_ckpts.'
            )
        return problems
