"""Multi-scale deformable attention with the interface of mmcv's operator."""

from torch import Tensor

from .deformable_attention import deformable_attention, deformable_attention_backward
from .precision import get_computing_dtype


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Sum up weighted bilinear samples of the feature maps of all levels.

    Args:
        value (Tensor): Feature maps of all levels, each flattened, for M heads, of shape
            (B, S, M, C).
        value_spatial_shapes (Tensor): Height and width of the levels, int64 of shape
            (L, 2).
        value_level_start_index (Tensor): First of the S cells of each level, int64 of
            shape (L,).
        sampling_locations (Tensor): x and y, from 0 to 1 across a map, of shape
            (B, Q, M, L, P, 2).
        attention_weights (Tensor): Of shape (B, Q, M, L, P).
        im2col_step (int): Number of images that mmcv's kernel takes at once; it has no
            effect here.

    Returns:
        Tensor: Of shape (B, Q, M * C) and of the type of ``value``.
    """
    dtype = get_computing_dtype(value)
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
    """Compute the gradients of :func:`ms_deform_attn_forward`.

    The arguments that are not listed are those of :func:`ms_deform_attn_forward`.

    Args:
        grad_output (Tensor): Of shape (B, Q, M * C).
        grad_value (Tensor): Added to; shape as ``value``.
        grad_sampling_loc (Tensor): Overwritten, as by mmcv's kernels for up to 512
            channels per head; shape as ``sampling_locations``.
        grad_attn_weight (Tensor): Overwritten; shape as ``attention_weights``.
    """
    dtype = get_computing_dtype(value)
    by_value, by_locations, by_weights = deformable_attention_backward(
        value.to(dtype),
        value_spatial_shapes,
        value_level_start_index,
        sampling_locations.to(dtype),
        attention_weights.to(dtype),
        grad_output.to(dtype),
    )
    grad_value.add_(by_value)
    grad_sampling_loc.copy_(by_locations)
    grad_attn_weight.copy_(by_weights)
