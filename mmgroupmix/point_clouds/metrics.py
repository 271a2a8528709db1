"""Metrics of point clouds, in per cent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ..errors import UserError
from ..registry import METRICS


@METRICS.register_module()
class PointCloudAccuracy(BaseMetric):
    """Accuracy of classification.

    - ``accuracy/overall``: the share of clouds whose class is right;
    - ``accuracy/mean_class``: the mean over classes of that share among the clouds of a
      class. Classes without clouds do not count.
    """

    default_prefix = 'accuracy'

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Note the true and the predicted class of each cloud."""
        for sample in data_samples:
            self.results.append((int(sample['gt_label']), int(sample['pred_label'])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Both accuracies."""
        right = defaultdict(list)
        for truth, prediction in results:
            right[truth].append(truth == prediction)
        everything = [one for shares in right.values() for one in shares]
        classes = [np.mean(shares) for shares in right.values()]
        return dict(
            overall=100 * float(np.mean(everything)),
            mean_class=100 * float(np.mean(classes)),
        )


@METRICS.register_module()
class PartIoU(BaseMetric):
    """Intersection over union of the parts of shapes (pIoU).

    The IoU of a shape is the mean over the parts of its category; that of a part which
    neither the truth nor the prediction has is 1.

    - ``pIoU/instance``: the mean over shapes;
    - ``pIoU/class``: the mean over categories of the mean over the shapes of a category.
      Categories without shapes do not count.

    Args:
        among_all_parts (bool): Predict the best of all parts, not of those of the shape's
            category, which is known. The scores are then called
            ``pIoU/instance_among_all_parts`` and ``pIoU/class_among_all_parts``. Defaults
            to False.
        **kwargs: As for mmengine's ``BaseMetric``.
    """

    default_prefix = 'pIoU'

    def __init__(self, among_all_parts: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.among_all_parts = among_all_parts

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Note the category and the IoU of each shape."""
        for sample in data_samples:
            first, end = sample['part_range']
            scores = sample['pred_scores']
            if end > scores.shape[1]:
                raise UserError(
                    f'{sample["cloud_path"]}: its category has the parts {first} to '
                    f'{end - 1}, and the model {scores.shape[1]} outputs. Set '
                    'num_classes of the network to the number of parts of all categories.'
                )
            if self.among_all_parts:
                predicted = scores.argmax(dim=1)
            else:
                predicted = scores[:, first:end].argmax(dim=1) + first
            iou = compute_shape_iou(
                sample['gt_parts'].cpu().numpy(), predicted.cpu().numpy(), (first, end)
            )
            self.results.append((int(sample['category']), iou))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Both means."""
        categories = defaultdict(list)
        for category, iou in results:
            categories[category].append(iou)
        suffix = '_among_all_parts' * self.among_all_parts
        means = [np.mean(ious) for ious in categories.values()]
        return {
            f'instance{suffix}': 100 * float(np.mean([iou for _, iou in results])),
            f'class{suffix}': 100 * float(np.mean(means)),
        }


def compute_shape_iou(
    truth: np.ndarray, predicted: np.ndarray, part_range: tuple[int, int]
) -> float:
    """The mean IoU over the parts of a category.

    Args:
        truth (np.ndarray): Part of each point, (N, ).
        predicted (np.ndarray): Predicted part of each point, (N, ), of any category.
        part_range (tuple[int, int]): The first part of the category, and the one after
            its last.

    Returns:
        float: From 0 to 1.
    """
    ious = []
    for part in range(*part_range):
        union = np.sum((truth == part) | (predicted == part))
        shared = np.sum((truth == part) & (predicted == part))
        ious.append(shared / union if union else 1.0)
    return float(np.mean(ious))
