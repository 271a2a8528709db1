"""Soft non-maximum suppression in plain torch; torchvision does not have it.

Source: Bodla et al., Soft-NMS, figure 2.
"""

import torch
from torch import Tensor

NAIVE, LINEAR, GAUSSIAN = range(3)  # `method`


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lower the scores of boxes that overlap a better one.

    Args:
        boxes (Tensor): Corners x1, y1, x2, y2 of shape (N, 4).
        scores (Tensor): Scores of shape (N,).
        dets (Tensor): Corners and new score of the M kept boxes, best first, are written
            into the first M rows; of shape (N, 5).
        iou_threshold (float): For the methods 0 and 1, the smallest IoU that lowers a
            score.
        sigma (float): For the method 2, width of the Gaussian.
        min_score (float): A box is dropped as soon as its score is lower.
        method (int): The factor of a score is 0 for the method 0, 1 - IoU for the method
            1 and exp(-IoU^2 / sigma) for the method 2.
        offset (int): 0, or 1 if corners are inclusive pixel indices, so that a width is
            x2 - x1 + 1.

    Returns:
        Tensor: Indices of the kept boxes, int64 of shape (M,), best new score first.
    """
    kept: list[Tensor] = []
    indices = torch.arange(len(boxes), device=boxes.device)
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(dim=1)
    while len(indices):
        best = scores.argmax()
        dets[len(kept), :4], dets[len(kept), 4] = boxes[best], scores[best]
        kept.append(indices[best])

        top_left = torch.maximum(boxes[:, :2], boxes[best, :2])
        bottom_right = torch.minimum(boxes[:, 2:], boxes[best, 2:])
        shared = (bottom_right - top_left + offset).clamp(min=0).prod(dim=1)
        ious = shared / (areas[best] + areas - shared)
        scores = scores * _get_factors(ious, iou_threshold, sigma, method)

        remains = scores >= min_score
        remains[best] = False
        boxes, areas, scores, indices = (
            values[remains] for values in (boxes, areas, scores, indices)
        )
    return torch.stack(kept) if kept else indices


def _get_factors(ious: Tensor, iou_threshold: float, sigma: float, method: int) -> Tensor:
    """The factors by which the scores are multiplied."""
    if method == GAUSSIAN:
        return torch.exp(-ious.square() / sigma)
    lowered = torch.zeros_like(ious) if method == NAIVE else 1 - ious
    threshold = torch.tensor(iou_threshold, dtype=ious.dtype)
    return torch.where(ious >= threshold, lowered, 1.0)
