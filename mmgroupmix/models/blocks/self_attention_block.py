"""The self-attention block that the external attention block is compared with.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.1, Equations 1 and 2, and its ablation on Pascal
VOC, which normalises self-attention in both ways.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import UserError
from ..layers.double_normalization import double_normalize
from ..layers.precision import at_least_float32, without_autocast
from .attention_block import AttentionBlock


class SelfAttentionBlock(AttentionBlock):
    """q, k and v by 1x1 convolutions, attention, 1x1 convolution, BN, residual, ReLU.

    One head of width c, without a scale, as in Equation 1. Time grows with the square of
    the number of pixels. The published code has no such block: around the attention it
    is the external attention block, with PyTorch's initialisation.

    Args:
        channels (int): Channels c of the map.
        norm (str): ``'softmax'`` over the keys of each query (Equation 1), or
            ``'double'``: softmax over the queries, then rows that sum to 1
            (Section 3.2). Defaults to 'softmax'.
        norm_cfg (dict, optional): The norm after the last convolution; None for none.
            Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If ``norm`` is none of the two or mmcv knows no norm of ``norm_cfg``.
    """

    def __init__(
        self,
        channels: int,
        norm: str = 'softmax',
        norm_cfg: Mapping | None = dict(type='BN'),
    ):
        super().__init__(channels, PixelAttention(norm), 3 * channels, norm_cfg)


class PixelAttention(nn.Module):
    """Norm(Q K^T) V over all pixels (Equations 1 and 2); it has no weights.

    Args:
        norm (str): 'softmax' or 'double', see :class:`SelfAttentionBlock`.
    """

    def __init__(self, norm: str):
        super().__init__()
        if norm not in ('softmax', 'double'):
            raise UserError(
                f"SelfAttentionBlock: norm={norm!r}, expected 'softmax' (over keys) or "
                "'double' (over queries, then rows that sum to 1). Set one of them."
            )
        self.norm = norm

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, H, W, 3c), q, k and v in that order, to (B, H, W, c)."""
        heads = qkv.flatten(1, 2).unsqueeze(1)  # (B, 1, N, 3c)
        q, k, v = heads.chunk(3, dim=-1)  # (B, 1, N, c) each
        if self.norm == 'softmax':
            mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        else:
            # Without a scale, scores leave float16's range: they stay in float32.
            with without_autocast(q):
                attention = double_normalize(at_least_float32(q) @ at_least_float32(k).mT)
            mixed = attention.to(v.dtype) @ v
        return mixed.squeeze(1).unflatten(1, qkv.shape[1:3])
