"""Convolution, batch norm, Hardswish: the stem and the embeddings of GroupMixFormer."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .functions import get_activation_function
from .layout import to_map, to_tokens
from .norm import build_batch_norm, fold_batch_norm
from .packed import pack_convolution, pack_pointwise
from .recomputation import apply_to_batch_norms
from .separable_conv import SeparableConv2d


class ConvNormAct(nn.Module):
    """Convolution, batch norm, Hardswish.

    Args:
        conv (nn.Conv2d | SeparableConv2d): The convolution, (B, C, H, W) to
            (B, C', H', W').
        norm_cfg (dict): Config of the batch norm.
    """

    def __init__(self, conv: nn.Conv2d | SeparableConv2d, norm_cfg: Mapping | None):
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = build_batch_norm(norm_cfg, conv.out_channels)
        self.activation: nn.Module = nn.Hardswish()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        tokens = to_tokens(self.conv(x))
        function = get_activation_function(self.activation) or self.activation
        return to_map(apply_to_batch_norms(function, [self.norm], [tokens]))

    def fuse(self) -> None:
        """Fold the batch norm into the convolution; the outputs stay the same."""
        if isinstance(self.conv, SeparableConv2d):
            conv: Any = self.conv.pointwise
            conv, self.norm = fold_batch_norm(conv, self.norm)
            if isinstance(self.norm, nn.Identity):
                conv = pack_pointwise(conv, 'hardswish')
                self.activation = nn.Identity()
            self.conv.pointwise = conv
        else:
            self.conv, self.norm = fold_batch_norm(self.conv, self.norm)
            if isinstance(self.norm, nn.Identity):
                self.conv = pack_convolution(self.conv, 'hardswish')
                self.activation = nn.Identity()
