"""A data loader whose batches depend on their number only.

Every batch is numbered in the order of the training. The random numbers of a sample's
pipeline are seeded with the seed of the run, the rank, the number of the batch and the
place in it. So a resumed run needs no state of any data loader worker: it goes on with
the next number, and gets the same batches with any number of workers.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, IterableDataset

from .random_states import seeded_cpu


class NumberedBatch(list):
    """Indices of a batch's samples, and the number of the batch in the training."""

    def __init__(self, indices: Sequence[int], number: int):
        super().__init__(indices)
        self.number = number

    def __reduce__(self) -> tuple:
        return NumberedBatch, (list(self), self.number)


class NumberedBatchSampler:
    """Numbers the batches of a batch sampler, and starts at any of them.

    Args:
        batch_sampler (Iterable[Sequence[int]]): Its ``set_epoch`` and
            that of its ``sampler`` are called with the epoch, if they exist.
    """

    def __init__(self, batch_sampler: Any):
        self.batch_sampler = batch_sampler
        self.next_number = 0
        self._positioned: Iterator | None = None
        #: The classic mmengine asks for batches before it is known where to start.
        self.is_open = False

    def __getattr__(self, name: str) -> Any:
        if name == 'batch_sampler':  # not set yet: while it is unpickled
            raise AttributeError(name)
        return getattr(self.batch_sampler, name)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def skip(self, num_batches: int) -> int:
        """Leave out the first batches, over several epochs if necessary.

        Args:
            num_batches (int): How many.

        Returns:
            int: The number of complete epochs among them.
        """
        epoch, batches = 0, iter(self.batch_sampler)
        for _ in range(num_batches):
            if next(batches, None) is not None:
                continue
            epoch += 1
            self.set_epoch(epoch)
            batches = iter(self.batch_sampler)
            if next(batches, None) is None:
                break
        self._positioned = batches
        return epoch

    def __iter__(self) -> Iterator[NumberedBatch]:
        if not self.is_open:
            return
        batches = self._positioned or iter(self.batch_sampler)
        self._positioned = None
        for indices in batches:
            batch = NumberedBatch(indices, self.next_number)
            self.next_number += 1
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the samplers, on which their order depends."""
        for sampler in (self.batch_sampler, getattr(self.batch_sampler, 'sampler', None)):
            set_epoch = getattr(sampler, 'set_epoch', None)
            if set_epoch is not None:
                set_epoch(epoch)


class SeededFetch:
    """Fetches the samples of a numbered batch with random numbers of their own.

    PyTorch calls it as the ``__getitems__`` of the dataset.

    Args:
        dataset (Sequence): The dataset.
        seed (int): The seed of the run.
    """

    def __init__(self, dataset: Any, seed: int):
        self.dataset, self.seed, self.rank = dataset, seed, get_rank()

    def __call__(self, batch: Sequence[int]) -> list:
        """Fetch the samples of a batch."""
        if not isinstance(batch, NumberedBatch):
            return [self.dataset[index] for index in batch]
        samples = []
        for place, index in enumerate(batch):
            with seeded_cpu(self.seed, self.rank, batch.number, place):
                samples.append(self.dataset[index])
        return samples


def number_batches(loader: DataLoader, seed: int) -> None:
    """Make the batches of a data loader depend on their number only, in place.

    A loader without batches of indices (an ``IterableDataset``) is left as it is.

    Args:
        loader (DataLoader): A loader that has not been iterated yet.
        seed (int): The seed of the run, at least 0.
    """
    dataset: Any = loader.dataset
    if isinstance(dataset, IterableDataset) or loader.batch_sampler is None:
        return
    dataset.__getitems__ = SeededFetch(dataset, seed)
    # Otherwise, each pass through the data draws a number from the global generator.
    loader.generator = torch.Generator().manual_seed(seed)
    # A DataLoader refuses the usual assignment, since it would not reset its sampler.
    object.__setattr__(
        loader, 'batch_sampler', NumberedBatchSampler(loader.batch_sampler)
    )
