"""Position encodings: convolutional, learnt, sinusoidal."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .depthwise import convolve_depthwise
from .layout import to_map, to_tokens
from .packed import PackedConv2d


class ConvPositionEncoding(nn.Module):
    """Tokens plus a depthwise convolution of them, with bias.

    Source: "Conditional Positional Encodings for Vision Transformers"
    (arXiv 2102.10882), Section 3.3, as GroupMixFormer uses it.

    Args:
        dim (int): Channels C.
        kernel_size (int): Odd side of the kernel. Defaults to 3.
    """

    def __init__(self, dim: int, kernel_size: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
        self.fused = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        encoding = to_tokens(self.conv(to_map(x)))
        return encoding if self.fused else x + encoding

    def fuse(self) -> None:
        """Fold the identity into the centre of the kernel; the outputs stay the same."""
        if not self.fused:
            centre = self.conv.kernel_size[0] // 2
            self.conv.weight.data[:, :, centre, centre] += 1
            self.fused = True


class HeadwiseConv2d(nn.Module):
    """Depthwise convolution with bias in which two heads have kernels of their own.

    The relative position encoding of "Co-Scale Conv-Attentional Image Transformers"
    (arXiv 2104.06399), Section 3.2, as GroupMixFormer uses it: q times this, of v.

    Args:
        head_dim (int): Channels Ch of a head.
        kernel_sizes (tuple[int, int]): Odd kernel sides, one per head.
    """

    def __init__(self, head_dim: int, kernel_sizes: tuple[int, int]):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(head_dim, head_dim, k, padding=k // 2, groups=head_dim)
            for k in kernel_sizes
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 2 Ch, H, W) to (B, 2 Ch, H, W)."""
        return convolve_depthwise(image, *merge_kernels(list(self.convs)))

    def merge(self) -> nn.Conv2d:
        """Build one convolution that computes the same, for inference."""
        weight, bias = merge_kernels(list(self.convs))
        padding = weight.shape[-1] // 2
        return PackedConv2d(weight, bias, padding=padding, groups=len(weight))


def merge_kernels(convs: Sequence[nn.Module]) -> tuple[Tensor, Tensor]:
    """Merge depthwise convolutions of different odd sides, of channels side by side.

    One convolution is faster than several: the kernels are small, the map is not.

    Args:
        convs (Sequence[nn.Conv2d]): Each of Ci channels, with bias.

    Returns:
        tuple[Tensor, Tensor]: (C, 1, K, K) kernels with the largest side K, zeros around
        the smaller ones, and (C,) bias.
    """
    weights, biases = zip(*(conv.parameters() for conv in convs))
    side = max(weight.shape[-1] for weight in weights)
    margins = [(side - weight.shape[-1]) // 2 for weight in weights]
    padded = [F.pad(w, [m] * 4) if m else w for w, m in zip(weights, margins)]
    return torch.cat(padded), torch.cat(biases)


class PositionEmbedding(nn.Module):
    """Tokens plus a learnt vector for every place, resampled to maps of any size.

    Source: the hybrid stages of "MetaFormer Is Actually What You Need for Vision"
    (arXiv 2111.11418), whose attention has no other notion of place; resampled as in
    "An Image is Worth 16x16 Words" (arXiv 2010.11929), Section 3.2.

    Args:
        dim (int): Channels C.
        size (tuple[int, int]): Height and width of the map on which it is learnt.
    """

    def __init__(self, dim: int, size: tuple[int, int]):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1, *size, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        size = x.shape[1:3]
        if self.embedding.shape[1:3] == size:
            return x + self.embedding
        resampled = F.interpolate(
            to_map(self.embedding), size, mode='bicubic', align_corners=False
        )
        return x + to_tokens(resampled)


class SinusoidPosition(nn.Module):
    """Tokens plus fixed sines and cosines of their position in the sequence.

    Source: "Attention Is All You Need" (arXiv 1706.03762), Section 3.5, as T2T-ViT
    (arXiv 2101.11986) uses it.

    Args:
        dim (int): Channels C.
        num_positions (int): Positions that are computed in advance; those of longer
            sequences are computed when needed.
    """

    table: Tensor

    def __init__(self, dim: int, num_positions: int):
        super().__init__()
        table = build_sinusoid_table(num_positions, dim)
        self.register_buffer('table', table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C)."""
        num_positions, dim = x.shape[1:]
        if num_positions <= len(self.table):
            return x + self.table[:num_positions]
        # On a GPU the host would wait for a transfer; Apple's have no float64.
        device = x.device if x.is_cuda else torch.device('cpu')
        table = build_sinusoid_table(num_positions, dim, device)
        return x + table.to(self.table)


def build_sinusoid_table(
    num_positions: int, dim: int, device: torch.device | None = None
) -> Tensor:
    """Build a table of sines on even channels and cosines on odd ones.

    Source: "Attention Is All You Need" (arXiv 1706.03762), Section 3.5.

    Args:
        num_positions (int): Positions p, from 0.
        dim (int): Channels C; channel j has the angle p / 10000^(2 * (j // 2) / C).
        device (torch.device, optional): Where to compute it; it needs float64.
            Defaults to None: PyTorch's default.

    Returns:
        Tensor: (num_positions, C), float32.
    """
    # In float64, as published: float32 is off by 1e-5 at a few hundred positions.
    options: dict = dict(dtype=torch.float64, device=device)
    positions = torch.arange(num_positions, **options)[:, None]
    channels = torch.arange(dim, **options)
    angles = positions / 10000 ** (2 * (channels // 2) / dim)
    return torch.where(channels % 2 == 0, angles.sin(), angles.cos()).float()
