"""Sigmoid focal loss in plain torch.

Source: Lin et al., Focal Loss for Dense Object Detection, equation 5.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import get_computing_dtype


def sigmoid_focal_loss_forward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the focal loss of every logit, where each class is a binary decision.

    Args:
        input (Tensor): Logits of shape (N, C).
        target (Tensor): Class indices, int64 of shape (N,); any value other than 0 to
            C - 1 is background.
        weight (Tensor): Weights by target class of shape (C,), or an empty tensor for
            none. Background, for which mmcv's own kernel reads past the end, has
            weight 1.
        output (Tensor): Overwritten, of shape (N, C).
        gamma (float): Focusing exponent.
        alpha (float): Weight of the positive term; 1 - alpha is that of the negative one.
    """
    x = input.to(get_computing_dtype(input))
    p, q = x.sigmoid(), (-x).sigmoid()
    positive_term = -alpha * q.pow(gamma) * F.logsigmoid(x)
    negative_term = -(1 - alpha) * p.pow(gamma) * F.logsigmoid(-x)
    loss = torch.where(_get_target_mask(target, x), positive_term, negative_term)
    output.copy_(_apply_weight(loss, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative of :func:`sigmoid_focal_loss_forward` by every logit.

    The arguments that are not listed are those of :func:`sigmoid_focal_loss_forward`.

    Args:
        grad_input (Tensor): Overwritten, of shape (N, C).
    """
    x = input.to(get_computing_dtype(input))
    p, q = x.sigmoid(), (-x).sigmoid()
    positive_term = -alpha * q.pow(gamma) * (q - gamma * p * F.logsigmoid(x))
    negative_term = (1 - alpha) * p.pow(gamma) * (p - gamma * q * F.logsigmoid(-x))
    gradient = torch.where(_get_target_mask(target, x), positive_term, negative_term)
    grad_input.copy_(_apply_weight(gradient, target, weight))


def _get_target_mask(target: Tensor, logits: Tensor) -> Tensor:
    """(N, C), true at the class of each target."""
    classes = torch.arange(logits.size(1), device=logits.device)
    return target[:, None] == classes


def _apply_weight(values: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    if weight.numel() == 0:
        return values
    foreground = (target >= 0) & (target < weight.numel())
    weights = weight.to(values.dtype)[target.clamp(0, weight.numel() - 1)]
    return values * torch.where(foreground, weights, 1)[:, None]
