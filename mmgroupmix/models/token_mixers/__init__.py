"""Token mixers, registered in ``TOKEN_MIXERS``."""

from .depthwise_conv import DepthwiseConv
from .external_attention import ExternalAttention
from .group_mix_attention import GroupMixAttention
from .identity import Identity
from .multi_head_external_attention import MultiHeadExternalAttention
from .pooling import Pooling
from .random_mixing import RandomMixing
from .self_attention import SelfAttention
from .spatial_fc import SpatialFC
from .spatial_reduction_attention import SpatialReductionAttention
from .window_attention import WindowAttention

__all__ = [
    'DepthwiseConv',
    'ExternalAttention',
    'GroupMixAttention',
    'Identity',
    'MultiHeadExternalAttention',
    'Pooling',
    'RandomMixing',
    'SelfAttention',
    'SpatialFC',
    'SpatialReductionAttention',
    'WindowAttention',
]
