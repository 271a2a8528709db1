"""Depthwise separable convolutions of GroupMixFormer's embeddings and aggregators."""

from functools import partial

from torch import Tensor, nn

from .depthwise import convolve_depthwise
from .layout import to_map, to_tokens
from .packed import PackedConv2d, PackedLinear
from .recomputation import apply_linear
from .recording import has_hooks


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
        maps = apply_separable(self.depthwise, self.pointwise, to_tokens(x))
        return to_map(maps.flatten(-2))


class SharedSeparableConv2d(nn.Module):
    """One separable convolution that serves n maps side by side, such as q, k and v.

    Args:
        dim (int): Channels c of each of them.
        kernel_size (int): Odd side of the depthwise kernel.
    """

    def __init__(self, dim: int, kernel_size: int):
        super().__init__()
        self.depthwise: nn.Conv2d = SharedDepthwiseConv2d(
            dim, dim, kernel_size, padding=kernel_size // 2, groups=dim, bias=False
        )
        self.pointwise: nn.Conv2d | PackedLinear = nn.Conv2d(dim, dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, n c) to (B, HW, n, c)."""
        return apply_separable(self.depthwise, self.pointwise, x).flatten(1, 2)

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
        return convolve_depthwise(x, self.repeat_kernel(x.shape[1] // len(self.weight)))

    def repeat_kernel(self, num_maps: int) -> Tensor:
        """(n c, 1, K, K): the kernels for each of n maps."""
        return self.weight.repeat(num_maps, 1, 1, 1)


def apply_separable(
    depthwise: nn.Conv2d, pointwise: nn.Conv2d | PackedLinear, x: Tensor
) -> Tensor:
    """Apply a separable convolution to n maps side by side.

    Args:
        depthwise (nn.Conv2d): Of n c channels, or of c if n maps share it.
        pointwise (nn.Conv2d | PackedLinear): The 1x1 convolution of c channels.
        x (Tensor): (B, H, W, n c).

    Returns:
        Tensor: (B, H', W', n, c').
    """
    dim = pointwise.weight.shape[1]
    seen = has_hooks(depthwise) or has_hooks(pointwise)
    if isinstance(pointwise, PackedLinear) or seen:
        maps = to_tokens(depthwise(to_map(x))).unflatten(-1, (-1, dim))
        if isinstance(pointwise, PackedLinear):
            return pointwise(maps)
        flat = pointwise(to_map(maps.flatten(1, 2)))
        return to_tokens(flat).unflatten(1, maps.shape[1:3])
    stride = (depthwise.stride[0], depthwise.stride[1])
    function = partial(convolve_tokens, stride, dim)
    weight = pointwise.weight.flatten(1)
    return apply_linear(weight, pointwise.bias, (x, depthwise.weight), function)


def convolve_tokens(
    stride: tuple[int, int], dim: int, x: Tensor, weight: Tensor
) -> Tensor:
    """Depthwise convolution of (B, H, W, n c) to (B, H', W', n, c); kernels repeat."""
    kernels = weight.repeat(x.shape[-1] // len(weight), 1, 1, 1)
    maps = convolve_depthwise(to_map(x), kernels, stride=stride)
    return to_tokens(maps).unflatten(-1, (-1, dim))
