"""Depthwise separable convolutions of GroupMixFormer's embeddings and aggregators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .depthwise import convolve_depthwise, differentiate_depthwise
from .functions import Function, Linearized
from .layout import to_map, to_tokens
from .packed import PackedConv2d, PackedLinear, find_dtype
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
    function = TokenConv(stride, dim)
    weight = pointwise.weight.flatten(1)
    return apply_linear(weight, pointwise.bias, (x, depthwise.weight), function)


@dataclass
class TokenConv(Function):
    """Depthwise convolution of n maps side by side, which share kernels."""

    stride: tuple[int, int]
    dim: int

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """(B, H, W, n c) and (n' c, 1, K, K), n' = 1 or n, to (B, H', W', n, c)."""
        maps = convolve_depthwise(to_map(x), self.repeat(x, weight), stride=self.stride)
        return to_tokens(maps).unflatten(-1, (-1, self.dim))

    def repeat(self, x: Tensor, weight: Tensor) -> Tensor:
        """Kernels for all channels of x."""
        count = x.shape[-1] // len(weight)
        return weight.repeat(count, 1, 1, 1) if count > 1 else weight

    def linearize(self, needs: Sequence[bool], x: Tensor, weight: Tensor) -> Linearized:
        """Prepare the convolution and its gradient."""
        dtype = find_dtype(x)
        maps, kernels = to_map(x).to(dtype), self.repeat(x, weight).to(dtype)

        def compute() -> Tensor:
            y = convolve_depthwise(maps, kernels, stride=self.stride)
            return to_tokens(y).unflatten(-1, (-1, self.dim))

        def pull(grad: Tensor) -> list[Any]:
            flat = to_map(grad.flatten(-2))
            grad_maps, grad_kernels = differentiate_depthwise(
                flat, maps, kernels, self.stride, needs
            )
            if grad_maps is not None:
                grad_maps = to_tokens(grad_maps).to(x.dtype)
            if grad_kernels is not None:
                shared = grad_kernels.view(-1, *weight.shape)
                grad_kernels = shared.sum(0).to(weight.dtype)
            return [grad_maps, grad_kernels]

        return compute, pull
