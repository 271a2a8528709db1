"""The operators of ``mmcv._ext`` that torch and torchvision can supply.

Names, arguments and meaning are those of mmcv's compiled module as ``mmcv/ops/nms.py``,
``roi_align.py``, ``focal_loss.py`` and ``multi_scale_deform_attn.py`` call it: most
results are written into tensors that the caller allocated. Half precision is computed in
float32 and rounded once at the end: torchvision does not support it on a CPU, and
coordinates need the precision anyway.

Part of ``mmcv_ext`` and removed with it.
"""

from .environment import get_compiler_version, get_compiling_cuda_version
from .focal_loss import sigmoid_focal_loss_backward, sigmoid_focal_loss_forward
from .multi_scale_deform_attn import ms_deform_attn_backward, ms_deform_attn_forward
from .nms import nms
from .roi_align import roi_align_backward, roi_align_forward

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
