"""What is recorded of image classification: the labels, and how sure the model was."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement

from .collector import Collector
from .contents import (
    CAPTION,
    ConfusionMatrix,
    Evaluation,
    Panel,
    Table,
    format_percent,
)

#: Classes that are listed for each image.
TOP_K = 5


class Labels(NamedTuple):
    """The true class of an image, and the most probable ones with their scores."""

    truth: int
    predictions: list[tuple[int, float]]


class ClassificationCollector(Collector):
    """Keeps two numbers for each image, from which mmpretrain computes its metrics.

    Args:
        meta (Mapping): ``metainfo`` of the dataset.
        metrics (Sequence[BaseMetric]): Not used.
    """

    score_name = 'probability of the true class'
    is_drawn = False

    def __init__(self, meta: Mapping, metrics: Sequence[BaseMetric]):
        super().__init__(meta, metrics)
        self.truths, self.predictions = array('l'), array('l')
        self.num_multi_label = 0

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Note the true class and the predicted one."""
        truth, scores = sample.get('gt_label'), sample.get('pred_score')
        if truth is None or scores is None:
            return None
        if truth.numel() != 1 or 'gt_score' in sample:
            self.num_multi_label += 1
            return float('nan'), list
        index = int(truth)
        self.truths.append(index)
        self.predictions.append(int(scores.argmax()))

        def build() -> Labels:
            values, labels = scores.float().topk(min(TOP_K, len(scores)))
            return Labels(index, list(zip(labels.tolist(), values.tolist())))

        return float(scores[index]) if index < len(scores) else float('nan'), build

    def merge(self, other: Collector) -> None:
        """Add what another process has recorded."""
        super().merge(other)
        assert isinstance(other, ClassificationCollector)
        self.truths.extend(other.truths)
        self.predictions.extend(other.predictions)
        self.num_multi_label += other.num_multi_label

    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add the metrics per class and the confusion matrix, both by mmpretrain."""
        from mmpretrain.evaluation import ConfusionMatrix as Confusion
        from mmpretrain.evaluation import SingleLabelMetric

        if self.num_multi_label:
            evaluation.notes.append(
                f'{self.num_multi_label} images have several labels, for which there is '
                'neither a confusion matrix nor a ranking.'
            )
        if not self.truths:
            return
        truths, predictions = torch.tensor(self.truths), torch.tensor(self.predictions)
        num_classes = max(
            len(self.classes), int(torch.cat([truths, predictions]).max()) + 1
        )
        names = [self.get_name(index) for index in range(num_classes)]
        precision, recall, f1, support = SingleLabelMetric.calculate(
            predictions, truths, average=None, num_classes=num_classes
        )
        rows = [
            [name, str(int(support[i]))]
            + [f'{float(values[i]):.1f}' for values in (precision, recall, f1)]
            for i, name in enumerate(names)
        ]
        header = ['class', 'images', 'precision', 'recall', 'F1']
        note = 'By SingleLabelMetric.'
        evaluation.tables.append(Table(CAPTION, header, rows, note))
        evaluation.confusion = ConfusionMatrix(
            Confusion.calculate(predictions, truths, num_classes).numpy(),
            names,
            names,
            'images',
            "by mmpretrain's ConfusionMatrix",
        )

    def draw(self, content: Any) -> list[Panel]:
        """Describe the truth and the prediction: there is nothing to draw."""
        ranked = [
            f'{self.get_name(index)} {format_percent(score)} %'
            for index, score in content.predictions
        ]
        return [
            Panel('truth', self.get_name(content.truth)),
            Panel('prediction', ', '.join(ranked)),
        ]
