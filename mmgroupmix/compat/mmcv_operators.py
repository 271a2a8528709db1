"""The operators of ``mmcv._ext`` that torch and torchvision can supply.

Names, arguments and meaning are those of mmcv's compiled module as ``mmcv/ops/nms.py``,
``roi_align.py``, ``focal_loss.py`` and ``multi_scale_deform_attn.py`` call it: most
results are written into tensors that the caller allocated. Half precision is computed in
float32 and rounded once at the end; torchvision lacks it on CPU, and coordinates want the
precision anyway.

Part of ``mmcv_ext`` and removed with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .deformable_attention import deformable_attention, deformable_attention_backward
from .max_roi_align import max_roi_align, max_roi_align_backward

__all__ = [
    'get_compiler_version',
    'get_compiling_cuda_version',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'roi_align_backward',
    'roi_align_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
]

MAX_POOLING = 0  # `pool_mode` of RoIAlign; 1 is average pooling


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Suppress boxes that overlap a better one by more than the threshold.

    Args:
        boxes: (N, 4) corners x1, y1, x2, y2.
        scores: (N,).
        iou_threshold: A box goes when its IoU with a kept one is greater than this.
        offset: 0, or 1 where corners are inclusive pixel indices, so that a width is
            x2 - x1 + 1.

    Returns:
        (M,) int64 indices of the kept boxes, best score first.
    """
    operators = _torchvision_operators()
    if boxes.numel() == 0:
        return boxes.new_empty(0, dtype=torch.long)
    dtype = _computing_dtype(boxes)
    boxes, scores = boxes.to(dtype), scores.to(dtype)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # Compared in the boxes' precision, as by mmcv: an IoU of exactly 0.7 is otherwise
    # greater than the threshold 0.7 in float32 and not in float64.
    threshold = torch.tensor(iou_threshold, dtype=dtype).item()
    return operators.nms(boxes, scores, threshold)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool each region of interest into a grid of bins, by bilinear samples.

    Args:
        input: (B, C, H, W) feature map.
        rois: (K, 5) batch index and corners x1, y1, x2, y2 in image coordinates.
        output: (K, C, aligned_height, aligned_width), overwritten.
        argmax_y: For max pooling: as ``output``, overwritten with the y coordinate of
            the sample that won each bin (-1 where a bin has no sample).
        argmax_x: As ``argmax_y``, for x.
        aligned_height: Bins in a column.
        aligned_width: Bins in a row.
        spatial_scale: From image to feature coordinates.
        sampling_ratio: Samples along each side of a bin; 0 takes one per feature cell.
        pool_mode: 0 for the maximum of a bin's samples, 1 for their average.
        aligned: Whether coordinates refer to pixel centres (shifted by half a pixel).
    """
    dtype = _computing_dtype(input)
    features, regions = input.to(dtype), rois.to(dtype)
    if pool_mode == MAX_POOLING:
        values, ys, xs = max_roi_align(
            features,
            regions,
            (aligned_height, aligned_width),
            spatial_scale,
            sampling_ratio,
            aligned,
        )
        argmax_y.copy_(ys)
        argmax_x.copy_(xs)
    else:
        values = _torchvision_operators().roi_align(
            features,
            regions,
            spatial_scale,
            aligned_height,
            aligned_width,
            sampling_ratio,
            aligned,
        )
    output.copy_(values)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient with respect to the feature map to ``grad_input``.

    Args:
        grad_output: (K, C, aligned_height, aligned_width).
        grad_input: (B, C, H, W), added to.

    The others are those of :func:`roi_align_forward`.
    """
    dtype = _computing_dtype(grad_input)
    gradient, regions = grad_output.to(dtype), rois.to(dtype)
    if pool_mode == MAX_POOLING:
        result = max_roi_align_backward(
            gradient, regions, argmax_y.to(dtype), argmax_x.to(dtype), grad_input.shape
        )
    else:
        result = _torchvision_operators()._roi_align_backward(
            gradient,
            regions,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    grad_input.add_(result)


def sigmoid_focal_loss_forward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the focal loss of every logit, each class being a binary decision.

    Args:
        input: (N, C) logits.
        target: (N,) int64 class indices; any other than 0 to C - 1 is background.
        weight: (C,) weights by target class, or empty for none. Background, for which
            mmcv's own kernel reads past the end, has weight 1.
        output: (N, C), overwritten.
        gamma: Focusing exponent.
        alpha: Share of the positive term.

    Source: Lin et al., Focal Loss for Dense Object Detection, equation 5.
    """
    dtype = _computing_dtype(input)
    x = input.to(dtype)
    p, q = x.sigmoid(), (-x).sigmoid()
    positive_term = -alpha * q.pow(gamma) * F.logsigmoid(x)
    negative_term = -(1 - alpha) * p.pow(gamma) * F.logsigmoid(-x)
    loss = torch.where(_is_target(target, x), positive_term, negative_term)
    output.copy_(_weighted(loss, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative of :func:`sigmoid_focal_loss_forward` by every logit.

    Args:
        grad_input: (N, C), overwritten.

    The others are those of :func:`sigmoid_focal_loss_forward`.
    """
    dtype = _computing_dtype(input)
    x = input.to(dtype)
    p, q = x.sigmoid(), (-x).sigmoid()
    positive_term = -alpha * q.pow(gamma) * (q - gamma * p * F.logsigmoid(x))
    negative_term = (1 - alpha) * p.pow(gamma) * (p - gamma * q * F.logsigmoid(-x))
    gradient = torch.where(_is_target(target, x), positive_term, negative_term)
    grad_input.copy_(_weighted(gradient, target, weight))


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Add up weighted bilinear samples of every level's feature map.

    Args:
        value: (B, S, M, C) feature maps of all levels, each flattened, for M heads.
        value_spatial_shapes: (L, 2) int64 height and width of the levels.
        value_level_start_index: (L,) int64 where each level starts among the S cells.
        sampling_locations: (B, Q, M, L, P, 2) x and y, from 0 to 1 across a map.
        attention_weights: (B, Q, M, L, P).
        im2col_step: How many images mmcv's kernel takes at once; without effect here.

    Returns:
        (B, Q, M * C), of the type of ``value``.

    Source: Zhu et al., Deformable DETR, equation 3.
    """
    dtype = _computing_dtype(value)
    output = deformable_attention(
        value.to(dtype),
        value_spatial_shapes,
        value_level_start_index,
        sampling_locations.to(dtype),
        attention_weights.to(dtype),
    )
    return output.to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Add to or write the gradients of :func:`ms_deform_attn_forward`.

    Args:
        grad_output: (B, Q, M * C).
        grad_value: As ``value``, added to.
        grad_sampling_loc: As ``sampling_locations``, overwritten, as by mmcv's kernels
            for up to 512 channels a head.
        grad_attn_weight: As ``attention_weights``, overwritten likewise.

    The others are those of :func:`ms_deform_attn_forward`.
    """
    dtype = _computing_dtype(value)
    of_value, of_locations, of_weights = deformable_attention_backward(
        value.to(dtype),
        value_spatial_shapes,
        value_level_start_index,
        sampling_locations.to(dtype),
        attention_weights.to(dtype),
        grad_output.to(dtype),
    )
    grad_value.add_(of_value)
    grad_sampling_loc.copy_(of_locations)
    grad_attn_weight.copy_(of_weights)


def get_compiler_version() -> str:
    """What environment reports print as mmcv's compiler."""
    return 'none (operators from torchvision, through mmgroupmix)'


def get_compiling_cuda_version() -> str:
    """What environment reports print as the CUDA that mmcv was compiled with."""
    return 'none (operators from torchvision, through mmgroupmix)'


def _is_target(target: Tensor, logits: Tensor) -> Tensor:
    classes = torch.arange(logits.size(1), device=logits.device)
    return target[:, None] == classes


def _weighted(values: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    if weight.numel() == 0:
        return values
    foreground = (target >= 0) & (target < weight.numel())
    weights = weight.to(values.dtype)[target.clamp(0, weight.numel() - 1)]
    return values * torch.where(foreground, weights, 1)[:, None]


def _computing_dtype(tensor: Tensor) -> torch.dtype:
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return torch.float32 if half else tensor.dtype


def _torchvision_operators():
    try:
        import torchvision  # noqa: F401  registers torch.ops.torchvision

        torch.ops.torchvision.roi_align
    except (ImportError, AttributeError, RuntimeError) as error:
        raise ImportError(
            'NMS and RoIAlign come from torchvision here, since mmcv was installed '
            f'without compiled operators, but torchvision does not work: {error}. '
            'Install torch and torchvision together, from the same index, in releases '
            'that belong together: `pip install torch torchvision`.'
        ) from error
    return torch.ops.torchvision
