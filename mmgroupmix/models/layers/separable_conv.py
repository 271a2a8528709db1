"""Depthwise separable convolutions of GroupMixFormer's embeddings and aggregators."""

import torch.nn.functional as F
from torch import Tensor, nn

from .layout import to_map, to_tokens
from .packed import PackedConv2d, PackedLinear


class SeparableConv2d(nn.Module):
    """A depthwise convolution, then a pointwise one, both without bias.

    Args:
        in_channels (int): Channels C of the input.
        out_channels (int): Channels C' of the output.
        kernel_size (int): Odd side of the depthwise kernel. Defaults to 3.
        stride (int): Stride of the depthwise convolution. Defaults to 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1
    ):
        super().__init__()
        self.out_channels = out_channels
        self.depthwise = nn.Conv2d(
            in_channels,
            in_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=in_channels,
            bias=False,
        )
        self.pointwise: nn.Conv2d | PackedLinear = nn.Conv2d(
            in_channels, out_channels, 1, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        return to_map(apply_pointwise(self.pointwise, to_tokens(self.depthwise(x))))


class SharedSeparableConv2d(nn.Module):
    """One separable convolution that serves n maps side by side, such as q, k and v.

    Args:
        dim (int): Channels c of each of them.
        kernel_size (int): Odd side of the depthwise kernel.
    """

    def __init__(self, dim: int, kernel_size: int):
        super().__init__()
        self.dim = dim
        self.depthwise: nn.Conv2d = SharedDepthwiseConv2d(
            dim, dim, kernel_size, padding=kernel_size // 2, groups=dim, bias=False
        )
        self.pointwise: nn.Conv2d | PackedLinear = nn.Conv2d(dim, dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, n c) to (B, HW, n, c)."""
        tokens = to_tokens(self.depthwise(to_map(x)))  # (B, H, W, n c)
        tokens = tokens.flatten(1, 2).unflatten(-1, (-1, self.dim))
        return apply_pointwise(self.pointwise, tokens)

    def fuse(self, num_maps: int = 3) -> None:
        """Repeat the depthwise kernel once and for all, for inference on n maps."""
        if isinstance(self.depthwise, SharedDepthwiseConv2d):
            weight = self.depthwise.repeat_kernel(num_maps)
            self.depthwise = PackedConv2d(
                weight, padding=self.depthwise.padding, groups=len(weight)
            )


class SharedDepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution whose c kernels serve n maps: (B, n c, H, W) as input."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, n c, H, W) to (B, n c, H, W)."""
        # In training, repeating a small kernel is cheaper than rearranging the map.
        weight = self.repeat_kernel(x.shape[1] // len(self.weight))
        return F.conv2d(x, weight, padding=self.padding, groups=len(weight))

    def repeat_kernel(self, num_maps: int) -> Tensor:
        """(n c, 1, K, K): the kernels for each of n maps."""
        return self.weight.repeat(num_maps, 1, 1, 1)


def apply_pointwise(layer: nn.Conv2d | PackedLinear, tokens: Tensor) -> Tensor:
    """Apply a 1x1 convolution, or its packed layer, to tokens (B, ..., C)."""
    if isinstance(layer, PackedLinear):
        return layer(tokens)
    return to_tokens(layer(to_map(tokens)))
