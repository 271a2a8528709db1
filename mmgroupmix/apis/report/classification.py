"""What is recorded of image classification: the labels, and how sure the model was."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement
from torch import Tensor

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
#: A confusion matrix of more classes would take more memory than the images do.
MAX_CLASSES = 2000


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
        if not has_one_label(truth, sample.get('gt_score')):
            self.num_multi_label += 1
            return float('nan'), list
        index = int(truth)
        if index < 0:  # mmpretrain's sign of an unknown label
            return None
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
        """Add the metrics per class, and mmpretrain's confusion matrix."""
        from mmpretrain.evaluation import ConfusionMatrix as Confusion

        if self.num_multi_label:
            evaluation.notes.append(
                f'{self.num_multi_label} images have several labels: they are not in the '
                'confusion matrix and not ranked.'
            )
        if not self.truths:
            return
        truths, predictions = torch.tensor(self.truths), torch.tensor(self.predictions)
        highest = int(torch.cat([truths, predictions]).max())
        names = [self.get_name(i) for i in range(max(len(self.classes), highest + 1))]
        metrics = compute_class_metrics(predictions, truths, len(names))
        rows = [
            [name, str(support), *(f'{value:.1f}' for value in values)]
            for name, support, *values in zip(names, *(one.tolist() for one in metrics))
        ]
        header = ['class', 'images', 'precision', 'recall', 'F1']
        note = 'By the formulas of SingleLabelMetric.'
        if len(names) > MAX_CLASSES:
            evaluation.notes.append(
                f'The first {MAX_CLASSES} of {len(names)} classes are listed, without a '
                'confusion matrix.'
            )
        table = Table(CAPTION, header, rows[:MAX_CLASSES], note)
        evaluation.tables.append(table)
        if len(names) <= MAX_CLASSES:
            counts = Confusion.calculate(predictions, truths, len(names)).numpy()
            origin = "by mmpretrain's ConfusionMatrix"
            evaluation.confusion = ConfusionMatrix(counts, names, names, 'images', origin)

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


def has_one_label(truth: Tensor, scores: Tensor | None) -> bool:
    """Whether an image has one label.

    Args:
        truth (Tensor): Class indices, (N,).
        scores (Tensor, optional): The share of each class in the label,
            (num_classes,). With batch augments, mmpretrain's preprocessor adds that of
            one class to every image, in validation too.

    Returns:
        bool: False for several labels, and for a mixture.
    """
    if truth.numel() != 1 or scores is None:
        return truth.numel() == 1
    return scores.nonzero().flatten().tolist() == truth.flatten().tolist()


def compute_class_metrics(
    predictions: Tensor, truths: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Precision, recall and F1 of each class, as ``SingleLabelMetric`` defines them.

    The metric itself holds a number for each image and class: 50 million for ImageNet.

    Args:
        predictions (Tensor): Class indices, (N,).
        truths (Tensor): Class indices, (N,).
        num_classes (int): Number of classes.

    Returns:
        tuple[Tensor, Tensor, Tensor, Tensor]: Images, precision, recall and F1, the
        latter in per cent, (num_classes,).
    """
    right, predicted, support = (
        torch.bincount(labels, minlength=num_classes)
        for labels in (truths[truths == predictions], predictions, truths)
    )
    precision = 100 * right / predicted.clamp(min=1)
    recall = 100 * right / support.clamp(min=1)
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-7)
    return support, precision, recall, f1
