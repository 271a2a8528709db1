"""How blocks and stages learn where a token is."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import to_map, to_tokens


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
        """Fold the identity into the kernel's centre: the outputs stay the same."""
        centre = self.conv.kernel_size[0] // 2
        self.conv.weight.data[:, :, centre, centre] += 1
        self.fused = True


class PositionEmbedding(nn.Module):
    """Tokens plus a learnt vector for every place, resampled to maps of any size.

    Source: the hybrid stages of "MetaFormer Is Actually What You Need for Vision"
    (arXiv 2111.11418), whose attention has no other notion of place; resampled as
    "An Image is Worth 16x16 Words" (arXiv 2010.11929), Section 3.2, does.

    Args:
        dim (int): Channels C.
        size (tuple[int, int]): Height and width of the map that it is learnt on.
    """

    def __init__(self, dim: int, size: tuple[int, int]):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1, *size, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        embedding = self.embedding
        if embedding.shape[1:3] != x.shape[1:3]:
            embedding = to_tokens(
                F.interpolate(
                    to_map(embedding), x.shape[1:3], mode='bicubic', align_corners=False
                )
            )
        return x + embedding


class SinusoidPosition(nn.Module):
    """Tokens plus fixed sines and cosines of their place in the sequence.

    Source: "Attention Is All You Need" (arXiv 1706.03762), Section 3.5, as T2T-ViT
    (arXiv 2101.11986) uses it.

    Args:
        dim (int): Channels C.
        num_positions (int): Positions that are kept ready; those of longer sequences are
            computed when they come.
    """

    def __init__(self, dim: int, num_positions: int):
        super().__init__()
        self.register_buffer(
            'table', sinusoid_table(num_positions, dim), persistent=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C)."""
        num_positions, dim = x.shape[1:]
        if num_positions <= len(self.table):
            return x + self.table[:num_positions]
        return x + sinusoid_table(num_positions, dim).to(self.table)


def sinusoid_table(num_positions: int, dim: int) -> Tensor:
    """Sines on even and cosines on odd channels (arXiv 1706.03762, Section 3.5).

    Args:
        num_positions (int): Positions p, from 0.
        dim (int): Channels C; channel j has the angle p / 10000^(2 * (j // 2) / C).

    Returns:
        Tensor: (num_positions, C), float32.
    """
    # In float64, as published: float32 is off by 1e-5 at a few hundred positions.
    positions = torch.arange(num_positions, dtype=torch.float64)[:, None]
    channels = torch.arange(dim, dtype=torch.float64)
    angles = positions / 10000 ** (2 * (channels // 2) / dim)
    return torch.where(channels % 2 == 0, angles.sin(), angles.cos()).float()
