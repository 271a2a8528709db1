"""Convolution, norm and Hardswish: the stem and the embeddings of GroupMixFormer."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .norm import build_batch_norm
from .separable_conv import SeparableConv2d


class ConvNormAct(nn.Module):
    """A convolution, batch norm, Hardswish.

    Args:
        conv (nn.Conv2d | SeparableConv2d): The convolution, (B, C, H, W) in and out.
        norm_cfg (dict): The batch norm.
    """

    def __init__(self, conv: nn.Conv2d | SeparableConv2d, norm_cfg: dict):
        super().__init__()
        self.conv = conv
        self.norm = build_batch_norm(norm_cfg, conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        return F.hardswish(self.norm(self.conv(x)))

    def fuse(self) -> None:
        """Fold the batch norm into the convolution: the outputs stay the same."""
        if isinstance(self.conv, SeparableConv2d):
            self.conv.pointwise = fuse_conv_bn_eval(self.conv.pointwise, self.norm)
        else:
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()
