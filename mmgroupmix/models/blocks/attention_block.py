"""Attention over the pixels of a map, with convolutions, norm and residual around it.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.1: the block that its segmentation and detection
experiments insert, around external attention or, for comparison, around self-attention.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.layout import to_map, to_tokens
from ..layers.norm import apply_norm, build_norm, fold_batch_norm
from ..layers.packed import pack_layers


class AttentionBlock(nn.Module):
    """ReLU(x + norm(conv2(attention(conv1(x))))), with 1x1 convolutions.

    Args:
        channels (int): Channels c of the map.
        attention (nn.Module): Maps (B, H, W, c') tokens to (B, H, W, c).
        attention_channels (int): Channels c' of the attention's input.
        norm_cfg (dict, optional): Config of the norm, as :func:`build_norm` takes it.
    """

    def __init__(
        self,
        channels: int,
        attention: nn.Module,
        attention_channels: int,
        norm_cfg: Mapping | None,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, attention_channels, 1)
        self.attention = attention
        self.conv2 = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = build_norm(norm_cfg, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor): Map, (B, c, H, W).

        Returns:
            Tensor: (B, c, H, W).
        """
        tokens = to_tokens(self.conv1(x))  # (B, H, W, c')
        mixed = to_map(self.attention(tokens))  # (B, c, H, W)
        mixed = to_tokens(self.conv2(mixed))  # layer norms read the channels last
        return F.relu(x + to_map(apply_norm(self.norm, mixed)))

    def fuse(self) -> None:
        """Fold a batch norm and lay out weights; the outputs stay the same."""
        self.conv2, self.norm = fold_batch_norm(self.conv2, self.norm)
        pack_layers(self)
