"""The self-attention block with which the external attention block is compared.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.1, Equations 1 and 2, and its ablation on Pascal
VOC, which normalises self-attention in both ways.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_choice, check_int
from ..layers.double_normalization import double_normalize
from ..layers.precision import disable_autocast, promote_to_float32
from .attention_block import AttentionBlock


class SelfAttentionBlock(AttentionBlock):
    """q, k and v by 1x1 convolutions, attention, 1x1 convolution, BN, residual, ReLU.

    One head of width c without a scale, as in Equation 1. Time grows with the square of
    the number of pixels. The published code does not include this block: around the
    attention, it is the external attention block with PyTorch's initialisation.

    Args:
        channels (int): Channels c of the map.
        norm (str): ``'softmax'`` over the keys of each query (Equation 1), or
            ``'double'``: softmax over the queries, then rows that sum to 1
            (Section 3.2). Defaults to 'softmax'.
        norm_cfg (dict, optional): Config of the norm after the last convolution; None for
            no norm. Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If ``norm`` is neither 'softmax' nor 'double', or if mmcv has no norm
            of ``norm_cfg``.
    """

    def __init__(
        self,
        channels: int,
        norm: str = 'softmax',
        norm_cfg: Mapping | None = dict(type='BN'),
    ):
        check_int('SelfAttentionBlock: channels', channels, 1)
        super().__init__(channels, PixelAttention(norm), 3 * channels, norm_cfg)


class PixelAttention(nn.Module):
    """Norm(Q K^T) V over all pixels (Equations 1 and 2), without weights.

    Args:
        norm (str): 'softmax' or 'double', see :class:`SelfAttentionBlock`.
    """

    def __init__(self, norm: str):
        super().__init__()
        check_choice('SelfAttentionBlock: norm', norm, ('softmax', 'double'))
        self.norm = norm

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c), q, k and v in that order, to (B, H, W, c)."""
        heads = qkv.flatten(1, 2).unsqueeze(1)  # (B, 1, N, 3c)
        q, k, v = heads.chunk(3, dim=-1)  # (B, 1, N, c) each
        if self.norm == 'softmax':
            mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        else:
            # Without a scale, scores leave float16's range: they stay in float32.
            with disable_autocast(q):
                scores = promote_to_float32(q) @ promote_to_float32(k).mT  # (B, 1, N, N)
                attention = double_normalize(scores)
            mixed = attention.to(v.dtype) @ v
        return mixed.squeeze(1).unflatten(1, qkv.shape[1:3])
