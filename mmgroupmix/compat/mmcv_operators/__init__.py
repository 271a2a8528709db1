"""The operators of ``mmcv._ext`` that torch and torchvision can supply.

Names, arguments and meaning are those of mmcv's compiled module as the files of
``mmcv/ops`` call it: most results are written into tensors that the caller allocated.
``docs/operators.md`` lists all operators of mmcv. Half precision is computed in
float32 and rounded once at the end: torchvision does not support it on a CPU, and
coordinates need the precision anyway.

Part of ``mmcv_ext`` and removed with it.
"""

from .deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
)
from .environment import get_compiler_version, get_compiling_cuda_version
from .focal_loss import sigmoid_focal_loss_backward, sigmoid_focal_loss_forward
from .masked_conv import masked_col2im_forward, masked_im2col_forward
from .modulated_deform_conv import (
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from .multi_scale_deform_attn import ms_deform_attn_backward, ms_deform_attn_forward
from .nms import nms
from .roi_align import roi_align_backward, roi_align_forward
from .roi_pool import roi_pool_backward, roi_pool_forward
from .soft_nms import softnms

__all__ = [
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'get_compiler_version',
    'get_compiling_cuda_version',
    'masked_col2im_forward',
    'masked_im2col_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'roi_align_backward',
    'roi_align_forward',
    'roi_pool_backward',
    'roi_pool_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softnms',
]
