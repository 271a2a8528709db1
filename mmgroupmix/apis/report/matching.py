"""Predicted boxes against labelled ones, in one image."""

from typing import NamedTuple

import numpy as np

#: Boxes with a lower score are left out, as in mmdetection's script.
SCORE_THRESHOLD = 0.3
IOU_THRESHOLD = 0.5


class Boxes(NamedTuple):
    """Boxes of one image.

    Attributes:
        boxes (np.ndarray): float, (N, 4), as x1, y1, x2, y2.
        labels (np.ndarray): Class indices, (N,).
        scores (np.ndarray): Of predictions, (N,), the highest first; empty for labels.
        ignored (np.ndarray): Of labels, (N,), whether they mark a crowd, which counts
            neither as found nor as missed; empty for predictions.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    ignored: np.ndarray


class Matches(NamedTuple):
    """Which boxes are right.

    Attributes:
        is_true (np.ndarray): Of each prediction, (N,), whether it is right.
        is_false (np.ndarray): Of each prediction, (N,), whether it is wrong; one that
            covers a crowd is neither.
        is_missed (np.ndarray): Of each label, (M,), whether no prediction found it.
    """

    is_true: np.ndarray
    is_false: np.ndarray
    is_missed: np.ndarray

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; NaN without any boxes."""
        true = int(self.is_true.sum())
        total = 2 * true + int(self.is_false.sum()) + int(self.is_missed.sum())
        return 2 * true / total if total else float('nan')


def match_boxes(ious: np.ndarray, predicted: Boxes, labelled: Boxes) -> Matches:
    """Give each prediction, the surest first, the best free label of its class.

    Args:
        ious (np.ndarray): Intersection over union, (predictions, labels); for crowds
            over the prediction.
        predicted (Boxes): Predictions.
        labelled (Boxes): Labels.

    Returns:
        Matches: Right and wrong ones.
    """
    is_same = predicted.labels[:, None] == labelled.labels[None]
    candidates = np.where(is_same & (ious >= IOU_THRESHOLD), ious, 0.0)
    is_free = ~labelled.ignored
    is_true = np.zeros(len(predicted.labels), bool)
    is_false = np.zeros(len(predicted.labels), bool)
    for i, row in enumerate(candidates):
        free = row * is_free
        if free.any():
            is_true[i] = True
            is_free[free.argmax()] = False
        else:
            is_false[i] = not (row * labelled.ignored).any()
    return Matches(is_true, is_false, is_free)


def count_confusions(
    matrix: np.ndarray, ious: np.ndarray, predicted: Boxes, labelled: Boxes
) -> None:
    """Add an image to a confusion matrix, as mmdetection's script counts.

    Each pair of a prediction and a label that overlap counts, so that one prediction can
    count several times. A prediction without such a label counts as one of background,
    and a label that no prediction of its class found as predicted as background.

    Args:
        matrix (np.ndarray): Integers, (classes + 1, classes + 1); changed in place. The
            last class is background.
        ious (np.ndarray): Intersection over union, (predictions, labels).
        predicted (Boxes): Predictions.
        labelled (Boxes): Labels.
    """
    overlaps = ious >= IOU_THRESHOLD
    rows, columns = np.nonzero(overlaps)
    np.add.at(matrix, (labelled.labels[columns], predicted.labels[rows]), 1)
    alone = predicted.labels[~overlaps.any(axis=1)]
    np.add.at(matrix, (np.full(len(alone), -1), alone), 1)
    is_same = predicted.labels[:, None] == labelled.labels[None]
    missed = labelled.labels[~(overlaps & is_same).any(axis=0)]
    np.add.at(matrix, (missed, np.full(len(missed), -1)), 1)
