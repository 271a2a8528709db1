"""The block that every backbone here is made of.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.1,
Equations 1 to 3: a norm, *any* token mixer and a residual; then a norm, a channel MLP and
a residual. What a paper adds is the mixer.
"""

from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from .layout import to_map, to_tokens


class MetaFormerBlock(nn.Module):
    """Norm, token mixer, residual; norm, channel MLP, residual.

    Args:
        dim (int): Channels C.
        token_mixer (nn.Module): Maps (B, H, W, C) tokens to (B, H, W, C).
        mlp_ratio (float): Hidden width of the MLP in units of C. Defaults to 4.
        norm_eps (float): Epsilon of the two layer norms. Defaults to 1e-6.
        drop_path (float): Probability that stochastic depth drops a residual branch.
            Defaults to 0.
        position_encoding (nn.Module, optional): Applied to the tokens before all else,
            (B, H, W, C) to (B, H, W, C). Defaults to None.
    """

    def __init__(
        self,
        dim: int,
        token_mixer: nn.Module,
        mlp_ratio: float = 4,
        norm_eps: float = 1e-6,
        drop_path: float = 0.,
        position_encoding: nn.Module | None = None,
    ):
        super().__init__()
        self.position_encoding = position_encoding or nn.Identity()
        self.norm1 = nn.LayerNorm(dim, eps=norm_eps)
        self.token_mixer = token_mixer
        self.norm2 = nn.LayerNorm(dim, eps=norm_eps)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        x = self.position_encoding(x)
        x = x + self.drop_path(self.token_mixer(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class Mlp(nn.Module):
    """The channel MLP: linear, GELU, linear.

    Args:
        dim (int): Channels C of input and output.
        hidden_dim (int): Channels between the two linear layers.
    """

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        return self.fc2(self.act(self.fc1(x)))


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
        self.conv = nn.Conv2d(
            dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
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
