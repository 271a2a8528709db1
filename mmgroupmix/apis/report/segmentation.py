"""What is recorded of semantic segmentation: a confusion matrix of pixels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement
from PIL import Image
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
from .photos import MAX_SIDE, encode_png

#: Of a label map over its photo.
OPACITY = 0.6


class LabelMaps(NamedTuple):
    """Label maps of one image, (h, w), reduced; the number of classes means 'other'."""

    truth: np.ndarray
    prediction: np.ndarray


class SegmentationCollector(Collector):
    """Counts pixels by true and predicted class, as mmsegmentation's script does.

    The formula is that of ``tools/analysis_tools/confusion_matrix.py``, with one more
    class for what is outside the classes of the dataset. Ignored pixels do not count.

    Args:
        meta (Mapping): ``metainfo`` of the dataset.
        metrics (Sequence[BaseMetric]): ``IoUMetric`` says which label is ignored.
    """

    score_name = 'mean IoU of the classes in the image'

    def __init__(self, meta: Mapping, metrics: Sequence[BaseMetric]):
        super().__init__(meta, metrics)
        ignored = (getattr(metric, 'ignore_index', None) for metric in metrics)
        self.ignore_index = next((one for one in ignored if one is not None), 255)
        names = {'mIoU'}.union(*(_list_iou_metrics(metric) for metric in metrics))
        self.iou_metrics = sorted(names, key=('mIoU', 'mDice', 'mFscore').index)
        size = len(self.classes) + 1
        self.matrix = torch.zeros(size, size, dtype=torch.int64)

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Count the pixels of an image."""
        if 'gt_sem_seg' not in sample or 'pred_sem_seg' not in sample:
            return None
        prediction = sample.pred_sem_seg.data.squeeze(0)
        truth = sample.gt_sem_seg.data.squeeze(0).to(prediction.device)
        num_classes = len(self.classes)
        matrix = count_pixels(prediction, truth, num_classes, self.ignore_index)
        self.matrix += matrix

        def build() -> LabelMaps:
            truth_map = torch.where(truth == self.ignore_index, num_classes, truth)
            return LabelMaps(
                _reduce(truth_map, num_classes), _reduce(prediction, num_classes)
            )

        return compute_mean_iou(matrix), build

    def merge(self, other: Collector) -> None:
        """Add what another process has recorded."""
        super().merge(other)
        assert isinstance(other, SegmentationCollector)
        self.matrix += other.matrix

    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add the metrics per class, by ``IoUMetric``, and the confusion matrix."""
        from mmseg.evaluation import IoUMetric

        areas = measure_areas(self.matrix)
        metrics = IoUMetric.total_area_to_metrics(*areas, self.iou_metrics)
        metrics.pop('aAcc')
        shares = (self.matrix.sum(1) / self.matrix.sum().clamp_min(1)).tolist()
        rows = [
            [name, format_percent(shares[i])]
            + [format_percent(float(values[i])) for values in metrics.values()]
            for i, name in enumerate(self.classes)
        ]
        header = ['class', 'share of pixels', *metrics]
        note = 'By the formulas of IoUMetric.'
        evaluation.tables.append(Table(CAPTION, header, rows, note))
        names = [*self.classes, 'other']
        counts = self.matrix.numpy()
        rows_shown, columns_shown = (_find_shown(counts.sum(axis)) for axis in (1, 0))
        evaluation.confusion = ConfusionMatrix(
            counts[np.ix_(rows_shown, columns_shown)],
            [names[i] for i in rows_shown],
            [names[i] for i in columns_shown],
            'pixels',
            "as counted by mmsegmentation's tools/analysis_tools/confusion_matrix.py",
        )

    def draw(self, content: Any) -> list[Panel]:
        """Draw both label maps with their legends."""
        return [
            self._draw_map('truth', content.truth),
            self._draw_map('prediction', content.prediction),
        ]

    def _draw_map(self, title: str, labels: np.ndarray) -> Panel:
        present, counts = np.unique(labels, return_counts=True)
        shares = sorted(zip(counts / labels.size, present.tolist()), reverse=True)
        legend = [
            (self.get_color(index), f'{self.classes[index]} {_format_share(share)} %')
            for share, index in shares
            if index < len(self.classes)
        ]
        description = ', '.join(text for _, text in legend) or 'none of the classes'
        colors = np.zeros((len(self.classes) + 1, 4), np.uint8)
        for index in range(len(self.classes)):
            rgb = bytes.fromhex(self.get_color(index)[1:])
            colors[index] = (*rgb, round(255 * OPACITY))
        raster = encode_png(Image.fromarray(colors[labels]))
        return Panel(title, description, raster=raster, legend=legend)


def count_pixels(
    prediction: Tensor, truth: Tensor, num_classes: int, ignore_index: int
) -> Tensor:
    """Count pixels by true and predicted class.

    Args:
        prediction (Tensor): Class indices, (H, W).
        truth (Tensor): Class indices, (H, W).
        num_classes (int): Number of classes; larger indices count as one more class.
        ignore_index (int): Pixels with this label do not count.

    Returns:
        Tensor: int64, (num_classes + 1, num_classes + 1), on the CPU.
    """
    size = num_classes + 1
    rows = truth.long().clamp(max=num_classes)
    # Ignored pixels have a row of their own, which is dropped.
    rows = torch.where(truth == ignore_index, size, rows)
    index = rows * size + prediction.long().clamp(max=num_classes)
    counts = torch.bincount(index.flatten(), minlength=(size + 1) * size)
    return counts.reshape(size + 1, size)[:size].cpu()


def measure_areas(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels of intersection, union, prediction and label of each class.

    Args:
        matrix (Tensor): As returned by :func:`count_pixels`.

    Returns:
        tuple[Tensor, Tensor, Tensor, Tensor]: float64, (num_classes,).
    """
    matrix = matrix.double()
    intersection = matrix.diagonal()[:-1]
    predicted, labelled = matrix.sum(0)[:-1], matrix.sum(1)[:-1]
    return intersection, predicted + labelled - intersection, predicted, labelled


def compute_mean_iou(matrix: Tensor) -> float:
    """The mean IoU of the classes that occur in labels or prediction, or NaN."""
    intersection, union, *_ = measure_areas(matrix)
    return float((intersection / union).nanmean())


def _list_iou_metrics(metric: BaseMetric) -> list[str]:
    names = getattr(metric, 'metrics', None) or []
    names = [names] if isinstance(names, str) else names
    return [name for name in names if name in ('mIoU', 'mDice', 'mFscore')]


def _reduce(labels: Tensor, num_classes: int) -> np.ndarray:
    """A label map small enough to be shown, by every n-th pixel."""
    step = -(-max(labels.shape) // MAX_SIDE)
    reduced = labels[::step, ::step].clamp(max=num_classes).cpu().numpy()
    return reduced.astype(np.uint8 if num_classes < 256 else np.uint16)


def _format_share(share: float) -> str:
    return '<1' if share < 0.01 else f'{100 * share:.0f}'


def _find_shown(sums: np.ndarray) -> list[int]:
    """All classes, and the one for what is outside them if it occurs."""
    return list(range(len(sums) - (sums[-1] == 0)))
