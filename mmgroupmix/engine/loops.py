"""Training loops that resume at the very batch at which they stopped."""

from collections.abc import Iterator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.nn import Module

from ..registry import LOOPS
from .data_order import NumberedBatchSampler, number_batches


class ResumableLoop:
    """What both loops share: numbered batches, and a validation that is made up for.

    Attributes:
        batch_offset (int): How many batches of the present size the run has seen more
            than it has done iterations: not 0 once it was resumed with another batch
            size or number of processes.
        must_validate (bool): Whether the run that is resumed was interrupted before or
            during the validation that was due.
    """

    batch_offset = 0
    must_validate = False
    runner: Runner
    dataloader: Any
    _iter: int

    def build_numbered(self, runner: Runner, dataloader: Any) -> Any:
        """Build the data loader, if it is a config, and number its batches."""
        if isinstance(dataloader, dict):
            different = runner._randomness_cfg.get('diff_rank_seed', False)
            dataloader = runner.build_dataloader(
                dataloader, seed=runner.seed, diff_rank_seed=different
            )
        number_batches(dataloader, runner.seed or 0)
        return dataloader

    @property
    def numbered(self) -> NumberedBatchSampler | None:
        """The sampler of numbered batches, None for a dataset without indices."""
        sampler = self.dataloader.batch_sampler
        return sampler if isinstance(sampler, NumberedBatchSampler) else None

    def make_up_validation(self) -> None:
        """Run the validation that the interrupted run owes."""
        if self.must_validate and self.runner.val_loop is not None:
            self.runner.val_loop.run()
        self.must_validate = False

    def is_validation_due(self) -> bool:
        """Whether the training so far ends with a validation."""
        raise NotImplementedError

    def is_finished(self) -> bool:
        """Whether all iterations or epochs are done."""
        raise NotImplementedError

    def is_within_epoch(self) -> bool:
        """Whether the training stands in the middle of an epoch."""
        return False

    def _num_seen(self) -> int:
        return self._iter + self.batch_offset


@LOOPS.register_module()
class ResumableIterBasedTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """mmengine's ``IterBasedTrainLoop``, resumed without reading data that it has seen.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): A data loader or its config.
        **kwargs: As for ``IterBasedTrainLoop``.
    """

    def __init__(self, runner: Runner, dataloader: Any, **kwargs: Any):
        super().__init__(runner, self.build_numbered(runner, dataloader), **kwargs)

    def run(self) -> Module:
        """Launch training."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.dataloader_iterator = self._iterate()
        self.make_up_validation()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            if self.is_validation_due():
                self.runner.val_loop.run()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def is_validation_due(self) -> bool:
        """Whether the iterations so far end with a validation."""
        self._decide_current_val_interval()
        return (
            self.runner.val_loop is not None
            and self._iter >= self.val_begin
            and (self._iter % self.val_interval == 0 or self._iter == self._max_iters)
        )

    def is_finished(self) -> bool:
        """Whether all iterations are done."""
        return self._iter >= self._max_iters

    def _iterate(self) -> Iterator[Any]:
        """Iterate over the data again and again, from where the training stands."""
        sampler, epoch = self.numbered, 0
        if sampler is not None:
            sampler.is_open = True
            sampler.next_number = self._num_seen()
            epoch = sampler.skip(self._num_seen())
        while True:
            yield from self.dataloader
            epoch += 1
            if sampler is not None:
                sampler.set_epoch(epoch)


@LOOPS.register_module()
class ResumableEpochBasedTrainLoop(ResumableLoop, EpochBasedTrainLoop):
    """mmengine's ``EpochBasedTrainLoop``, resumed also in the middle of an epoch.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): A data loader or its config.
        **kwargs: As for ``EpochBasedTrainLoop``.
    """

    def __init__(self, runner: Runner, dataloader: Any, **kwargs: Any):
        super().__init__(runner, self.build_numbered(runner, dataloader), **kwargs)
        self._is_resumed = False

    def run(self) -> Module:
        """Launch training."""
        self._is_resumed = self._iter > 0
        self.runner.call_hook('before_train')
        self.make_up_validation()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            if self.is_validation_due():
                self.runner.val_loop.run()
        self.runner.call_hook('after_train')
        return self.runner.model

    def is_validation_due(self) -> bool:
        """Whether the epochs so far end with a validation."""
        self._decide_current_val_interval()
        return (
            self.runner.val_loop is not None
            and self._epoch >= self.val_begin
            and (self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs)
        )

    def is_finished(self) -> bool:
        """Whether all epochs are done."""
        return self._epoch >= self._max_epochs

    def is_within_epoch(self) -> bool:
        """Whether the training stands in the middle of an epoch."""
        return self._num_seen() > self._epoch * len(self.dataloader)

    def run_epoch(self) -> None:
        """Train an epoch, or what is left of it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        first = self._start_epoch()
        for index, data_batch in enumerate(self.dataloader, first):
            self.run_iter(index, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _start_epoch(self) -> int:
        """Set where the data loader starts; return how many batches come before."""
        sampler = self.numbered
        if sampler is None:
            return 0
        sampler.is_open = True
        if not self._is_resumed:
            return 0
        self._is_resumed = False
        length, num_seen = len(self.dataloader), self._num_seen()
        done = min(max(num_seen - self._epoch * length, 0), length)
        sampler.next_number = num_seen
        sampler.skip(done)
        return done
