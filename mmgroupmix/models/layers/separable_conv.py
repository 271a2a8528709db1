"""Depthwise separable convolution: the aggregators' and embeddings' convolution."""

from torch import Tensor, nn


class SeparableConv2d(nn.Module):
    """A depthwise k x k convolution, then a pointwise one, both without bias.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
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
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        return self.pointwise(self.depthwise(x))
