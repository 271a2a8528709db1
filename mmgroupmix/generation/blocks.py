"""The residual blocks of SAGAN's generator and discriminator, and conditional batch norm.

Names of submodules are those of the published weights (PyTorch-StudioGAN).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from .spectral_norm import normalize_spectrally

#: Of every batch norm of the generator.
BATCH_NORM_EPS = 1e-4


def build_conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    """A convolution with bias and spectral norm that keeps height and width."""
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding)
    return normalize_spectrally(conv)


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose gain and bias are linear in the one-hot class.

    Args:
        num_classes (int): Classes.
        channels (int): Channels C of the map.
    """

    def __init__(self, num_classes: int, channels: int):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS, affine=False)
        self.gain = normalize_spectrally(nn.Linear(num_classes, channels, bias=False))
        self.bias = normalize_spectrally(nn.Linear(num_classes, channels, bias=False))

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Normalise.

        Args:
            x (Tensor): Map, (B, C, H, W).
            classes (Tensor): One-hot classes, (B, classes).

        Returns:
            Tensor: (B, C, H, W).
        """
        gain = (1 + self.gain(classes))[..., None, None]
        bias = self.bias(classes)[..., None, None]
        return self.bn(x) * gain + bias


class GeneratorBlock(nn.Module):
    """Doubles height and width.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        num_classes (int): Classes.
    """

    def __init__(self, in_channels: int, out_channels: int, num_classes: int):
        super().__init__()
        self.bn1 = ConditionalBatchNorm2d(num_classes, in_channels)
        self.bn2 = ConditionalBatchNorm2d(num_classes, out_channels)
        self.conv2d0 = build_conv(in_channels, out_channels, 1)
        self.conv2d1 = build_conv(in_channels, out_channels, 3)
        self.conv2d2 = build_conv(out_channels, out_channels, 3)

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Map (B, C, H, W), for one-hot classes (B, classes), to (B, C', 2H, 2W)."""
        shortcut = self.conv2d0(F.interpolate(x, scale_factor=2))
        x = F.relu(self.bn1(x, classes))
        x = self.conv2d1(F.interpolate(x, scale_factor=2))
        x = F.relu(self.bn2(x, classes))
        return self.conv2d2(x) + shortcut


class FirstDiscriminatorBlock(nn.Module):
    """Halves height and width of an image.

    Args:
        in_channels (int): Channels of the image.
        out_channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv2d0 = build_conv(in_channels, out_channels, 1)
        self.conv2d1 = build_conv(in_channels, out_channels, 3)
        self.conv2d2 = build_conv(out_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H/2, W/2)."""
        shortcut = self.conv2d0(F.avg_pool2d(x, 2))
        x = self.conv2d2(F.relu(self.conv2d1(x)))
        return F.avg_pool2d(x, 2) + shortcut


class DiscriminatorBlock(nn.Module):
    """Halves height and width, or keeps them.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        downsamples (bool): Whether to halve height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, downsamples: bool):
        super().__init__()
        self.downsamples = downsamples
        self.conv2d0 = (
            build_conv(in_channels, out_channels, 1)
            if downsamples or in_channels != out_channels
            else nn.Identity()
        )
        self.conv2d1 = build_conv(in_channels, out_channels, 3)
        self.conv2d2 = build_conv(out_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H/2, W/2) or (B, C', H, W)."""
        # The first ReLU of the reference works in place: its shortcut begins behind it.
        x = F.relu(x)
        shortcut = self.conv2d0(x)
        x = self.conv2d2(F.relu(self.conv2d1(x)))
        if not self.downsamples:
            return x + shortcut
        return F.avg_pool2d(x, 2) + F.avg_pool2d(shortcut, 2)
