"""What is recorded of detection and instance segmentation: boxes that were found."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement

from .collector import NO_LABELS, Collector
from .contents import (
    CAPTION,
    Box,
    ConfusionMatrix,
    Evaluation,
    Outline,
    Panel,
    Table,
    format_percent,
)
from .matching import (
    IOU_THRESHOLD,
    SCORE_THRESHOLD,
    Boxes,
    count_confusions,
    match_boxes,
)
from .outlines import trace_label, trace_mask

BACKGROUND = 'background'


class DetectedObjects(NamedTuple):
    """Objects of one image; the outlines are empty for boxes without masks."""

    boxes: Boxes
    outlines: list[list[str]]


class DetectionCollector(Collector):
    """Counts boxes by class as mmdetection's script does, and those that are right.

    Predictions with a score below ``SCORE_THRESHOLD`` do not count, and boxes overlap
    from an IoU of ``IOU_THRESHOLD``.

    Args:
        meta (Mapping): ``metainfo`` of the dataset.
        metrics (Sequence[BaseMetric]): Not used.
    """

    score_name = (
        f'F1 of the boxes at an IoU of {IOU_THRESHOLD} and a score of at least '
        f'{SCORE_THRESHOLD}'
    )

    def __init__(self, meta: Mapping, metrics: Sequence[BaseMetric]):
        super().__init__(meta, metrics)
        kinds = [kind for one in metrics for kind in getattr(one, 'metrics', None) or ()]
        #: Region proposals have no class of their own.
        self.is_agnostic = bool(kinds) and all('proposal' in kind for kind in kinds)
        if self.is_agnostic:
            self.classes = ['object']
        size = len(self.classes) + 1
        self.matrix = np.zeros((size, size), np.int64)
        #: Right, wrong and missed boxes of each class.
        self.counts = np.zeros((3, size), np.int64)
        self.highest_score = 0.0

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Compare the boxes of an image."""
        from mmdet.evaluation import bbox_overlaps

        info = find_info()
        instances, labels = sample.get('pred_instances'), find_labels(sample, info)
        if instances is None or labels is None:
            return None
        if self.is_agnostic:
            labels = labels._replace(labels=np.zeros_like(labels.labels))
        if len(instances):
            self.highest_score = max(self.highest_score, float(instances.scores.max()))
        instances = instances[instances.scores >= SCORE_THRESHOLD].cpu()
        instances = instances[instances.scores.argsort(descending=True)]
        predicted = to_boxes(instances)
        ious = bbox_overlaps(predicted.boxes, labels.boxes)
        count_confusions(self.matrix, ious, predicted, labels)
        if labels.ignored.any():
            # As COCO's evaluation: a prediction inside a crowd covers it.
            shares = bbox_overlaps(predicted.boxes, labels.boxes, mode='iof')
            ious = np.where(labels.ignored, shares, ious)
        matches = match_boxes(ious, predicted, labels)
        for row, (labels_of, selected) in zip(
            self.counts,
            (
                (predicted.labels, matches.is_true),
                (predicted.labels, matches.is_false),
                (labels.labels, matches.is_missed),
            ),
        ):
            np.add.at(row, labels_of[selected], 1)

        def build() -> tuple[DetectedObjects, DetectedObjects]:
            traced = [trace_label(one) for one in info.get('instances') or ()]
            found = [trace_mask(mask) for mask in instances.get('masks', ())]
            return DetectedObjects(labels, traced), DetectedObjects(predicted, found)

        return matches.f1, build

    def merge(self, other: Collector) -> None:
        """Add what another process has recorded."""
        super().merge(other)
        assert isinstance(other, DetectionCollector)
        self.matrix += other.matrix
        self.counts += other.counts
        self.highest_score = max(self.highest_score, other.highest_score)

    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add the evaluator's metrics per class, the found boxes and the matrix."""
        right, wrong, missed = self.counts
        if not (right + missed).any():
            evaluation.notes.append(NO_LABELS)
            self.ranking.keep(())
            return
        if not (right + wrong).any():
            evaluation.notes.append(
                f'No prediction has a score of at least {SCORE_THRESHOLD}, so that none '
                f'is drawn or counted; the highest is {self.highest_score:.3f}.'
            )
        with np.errstate(invalid='ignore'):
            precision, recall = right / (right + wrong), right / (right + missed)
        rows = []
        for i, name in enumerate(self.classes):
            of_evaluator = [
                format_percent(values.get(name, np.nan))
                for values in class_metrics.values()
            ]
            counts = [str(right[i] + missed[i]), str(right[i] + wrong[i])]
            shares = [format_percent(precision[i]), format_percent(recall[i])]
            rows.append([name, *of_evaluator, *counts, *shares])
        header = [
            'class',
            *class_metrics,
            'objects',
            'predicted',
            'precision',
            'recall',
        ]
        note = (
            f'{"AP is that of the evaluator. " if class_metrics else ""}Not counted are '
            f'crowds and predictions with a score below {SCORE_THRESHOLD}; a prediction '
            f'is right from an IoU of {IOU_THRESHOLD} on.'
        )
        evaluation.tables.append(Table(CAPTION, header, rows, note))
        names = [*self.classes, BACKGROUND]
        evaluation.confusion = ConfusionMatrix(
            self.matrix,
            names,
            names,
            'boxes',
            "as counted by mmdetection's tools/analysis_tools/confusion_matrix.py with "
            f'--score-thr {SCORE_THRESHOLD} --tp-iou-thr {IOU_THRESHOLD}',
        )

    def draw(self, content: Any) -> list[Panel]:
        """Draw boxes, masks and the names of their classes."""
        truth, prediction = content
        return [
            self._draw_objects('truth', truth),
            self._draw_objects('prediction', prediction),
        ]

    def _draw_objects(self, title: str, objects: DetectedObjects) -> Panel:
        boxes, outlines = [], []
        found = objects.boxes
        for i, (box, label) in enumerate(zip(found.boxes, found.labels.tolist())):
            text = self.get_name(label)
            if len(found.scores):
                text += f' {found.scores[i]:.2f}'
            elif found.ignored[i]:
                text += ' (crowd)'
            x1, y1, x2, y2 = (round(float(value), 1) for value in box)
            color = self.get_color(label)
            boxes.append(Box(x1, y1, round(x2 - x1, 1), round(y2 - y1, 1), color, text))
            if i < len(objects.outlines):
                outlines += [Outline(points, color) for points in objects.outlines[i]]
        numbers = Counter(map(self.get_name, found.labels.tolist())).most_common()
        description = ', '.join(f'{name} ({count})' for name, count in numbers)
        description = description or 'no objects'
        return Panel(title, description, boxes, outlines)


def find_labels(sample: BaseDataElement, info: Mapping) -> Boxes | None:
    """The labelled boxes of an image in its own pixels.

    Those of the pipeline may be resized, or not be loaded at all: the dataset's own
    entry comes first.

    Args:
        sample (BaseDataElement): The prediction, perhaps with labels.
        info (Mapping): The entry of the dataset, or an empty one.

    Returns:
        Boxes | None: None if the image has no labels.
    """
    if 'instances' in info:
        instances = info['instances']
        boxes = [one['bbox'] for one in instances]
        labels = [one['bbox_label'] for one in instances]
        ignored = [bool(one.get('ignore_flag')) for one in instances]
    elif 'gt_instances' in sample:
        boxes = sample.gt_instances.bboxes.cpu().numpy()
        labels = sample.gt_instances.labels.cpu().numpy()
        ignored = [False] * len(labels)
    else:
        return None
    return Boxes(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(labels, np.int64),
        np.empty(0),
        np.asarray(ignored, bool),
    )


def to_boxes(instances: Any) -> Boxes:
    """The boxes of predictions on the CPU; around the masks of models without boxes."""
    boxes = instances.bboxes
    if 'masks' in instances and not boxes.any():
        from mmdet.structures.mask import mask2bbox

        boxes = mask2bbox(instances.masks)
    return Boxes(
        boxes.float().numpy().reshape(-1, 4),
        instances.labels.numpy(),
        instances.scores.float().numpy(),
        np.empty(0, bool),
    )
