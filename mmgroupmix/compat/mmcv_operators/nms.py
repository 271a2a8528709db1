"""Non-maximum suppression, computed by torchvision."""

import torch
from torch import Tensor

from .precision import get_computing_dtype
from .torchvision_operators import load_torchvision_operators


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Suppress boxes that overlap a better one by more than the threshold.

    Args:
        boxes (Tensor): Corners x1, y1, x2, y2 of shape (N, 4).
        scores (Tensor): Scores of shape (N,).
        iou_threshold (float): A box is suppressed if its IoU with a kept one is greater.
        offset (int): 0, or 1 if corners are inclusive pixel indices, so that a width is
            x2 - x1 + 1.

    Returns:
        Tensor: Indices of the kept boxes, int64 of shape (M,), best score first.
    """
    operators = load_torchvision_operators()
    if boxes.numel() == 0:
        return boxes.new_empty(0, dtype=torch.long)
    dtype = get_computing_dtype(boxes)
    boxes, scores = boxes.to(dtype), scores.to(dtype)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # Compared in the precision of the boxes, as in mmcv: an IoU of exactly 0.7 would
    # otherwise exceed the threshold 0.7 in float32 but not in float64.
    threshold = torch.tensor(iou_threshold, dtype=dtype).item()
    return operators.nms(boxes, scores, threshold)
