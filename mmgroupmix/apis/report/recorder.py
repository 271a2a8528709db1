"""The recording of one evaluation, in one process or in all of a job."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

from mmengine.dist import all_gather_object, get_rank, get_world_size

from .class_precision import ClassMetrics
from .collector import Collector
from .contents import Evaluation
from .photos import DatasetReader
from .ranking import select_ends


class Recorder:
    """Hands the images of an evaluation to a collector.

    Whatever fails in it ends the recording, not the evaluation.

    Args:
        collector (Collector): The collector of the task.
        dataset (Any): The dataset that is evaluated.
        class_metrics (ClassMetrics): Filled by the evaluator's metrics.

    Attributes:
        failure (str): Why the recording ended, '' if it did not.
    """

    def __init__(self, collector: Collector, dataset: Any, class_metrics: ClassMetrics):
        self.collector, self.dataset = collector, dataset
        self.reader = DatasetReader(dataset)
        self.class_metrics = class_metrics
        self.num_seen = 0
        self.failure = ''

    def add(self, outputs: Sequence[Any]) -> None:
        """Record the predictions of a batch."""
        if self.failure:
            return
        try:
            for sample in outputs:
                # As mmengine's samplers deal images out; the last processes may get the
                # first images again, which its metrics drop too.
                position = self.num_seen * get_world_size() + get_rank()
                self.num_seen += 1
                if position < len(self.dataset):
                    find_info = partial(self.reader.find, sample, position)
                    self.collector.add(sample, find_info, position)
        except Exception as error:
            self.failure = f'{type(error).__name__}: {error}'

    def gather(self) -> None:
        """Add what the other processes have recorded; all of them have to call it."""
        if get_world_size() == 1:
            return
        ranking = self.collector.ranking
        # First the scores alone: the images of most processes are not needed.
        keys = [image.key for image in ranking.images]
        all_keys = sorted(chain.from_iterable(all_gather_object(keys)))
        ranking.keep(select_ends(all_keys, ranking.size))
        recorded = all_gather_object((self.failure, self.collector))
        for rank, (failure, collector) in enumerate(recorded):
            if rank == get_rank():
                continue
            self.failure = self.failure or failure
            self.collector.merge(collector)

    def summarize(self) -> Evaluation:
        """What the page shows; the images are read again here."""
        if self.failure:
            note = f'The images could not be recorded ({self.failure}).'
            return Evaluation(self.collector.score_name, notes=[note])
        return self.collector.summarize(
            lambda image: self.reader.read(image.position, image.name),
            self.class_metrics,
        )
