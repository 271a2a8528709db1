"""The tokens-to-token module: from an image to tokens of 16 x 16 pixels in three steps.

Paper: "Tokens-to-Token ViT: Training Vision Transformers from Scratch on ImageNet"
(arXiv 2101.11986), Section 3.1. A soft split unfolds overlapping windows, and each
becomes a token; an encoder narrows the tokens to 64 channels and mixes them by attention;
the next soft split joins 3 x 3 of them into one. EAMLP (arXiv 2105.02358) uses external
attention in the encoders.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_choice
from ..layers.activation_checkpointing import checkpoint_block
from ..layers.double_normalization import double_normalize
from ..layers.layout import to_map, to_tokens
from ..layers.mlp import Mlp
from ..layers.recomputation import Linear
from .performer import TokenPerformer

#: Kernel size, stride and padding of the three soft splits.
SOFT_SPLITS = ((7, 4, 2), (3, 2, 1), (3, 2, 1))
#: Channels between the soft splits.
TOKEN_DIM = 64


class TokensToToken(nn.Module):
    """Soft split 7x7, encoder, soft split 3x3, encoder, soft split 3x3, linear layer.

    Args:
        in_channels (int): Channels of the image.
        dim (int): Channels C of the tokens.
        attention (str): Attention of the encoders, 'external_attention' or 'performer'.
            Defaults to 'external_attention'.
        drop_rate (float): Dropout in the encoders. Defaults to 0.

    Raises:
        UserError: If ``attention`` is neither of them.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        attention: str = 'external_attention',
        drop_rate: float = 0.0,
    ):
        super().__init__()
        attentions = dict(
            external_attention=TokenExternalAttention, performer=TokenPerformer
        )
        check_choice('EAMLP: t2t', attention, attentions)
        build_attention = attentions[attention]
        self.splits = nn.ModuleList(SoftSplit(*split) for split in SOFT_SPLITS)
        widths = (7 * 7 * in_channels, 3 * 3 * TOKEN_DIM)
        self.encoders = nn.ModuleList(
            TokenEncoder(
                width,
                TOKEN_DIM,
                build_attention(width, TOKEN_DIM, drop_rate=drop_rate),
                # T2T-ViT's performer also drops outputs of the MLP, EAMLP does not.
                mlp_drop_rate=drop_rate if attention == 'performer' else 0.0,
            )
            for width in widths
        )
        self.project = Linear(3 * 3 * TOKEN_DIM, dim)

    def forward(self, x: Tensor, recompute: bool = False) -> Tensor:
        """(B, in_channels, H, W) image to (B, H', W', C) tokens.

        With ``recompute``, encoders run again in the backward pass, see ``with_cp``.
        """
        tokens = self.splits[0](x)
        for encoder, split in zip(self.encoders, self.splits[1:]):
            tokens = checkpoint_block(encoder, tokens) if recompute else encoder(tokens)
            tokens = split(to_map(tokens))
        return self.project(tokens)

    def count_tokens(self, height: int, width: int) -> int:
        """Number of tokens H' * W' that an image of (height, width) becomes."""
        for split in SOFT_SPLITS:
            height, width = count_windows(height, *split), count_windows(width, *split)
        return height * width


class SoftSplit(nn.Module):
    """Overlapping windows of a map, each unfolded into one token.

    Args:
        kernel_size (int): Side of a window.
        stride (int): Distance from one window to the next.
        padding (int): Zeros around the map.
    """

    def __init__(self, kernel_size: int, stride: int, padding: int):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) map to (B, H', W', C * kernel_size^2) tokens."""
        windows = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        height = count_windows(x.shape[2], self.kernel_size, self.stride, self.padding)
        return to_tokens(windows.unflatten(2, (height, -1)))

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        return f'{self.kernel_size}, stride={self.stride}, padding={self.padding}'


def count_windows(side: int, kernel_size: int, stride: int, padding: int) -> int:
    """Number of windows along a side of a map."""
    return (side + 2 * padding - kernel_size) // stride + 1


class TokenEncoder(nn.Module):
    """Norm, attention that narrows the tokens; norm, MLP, residual.

    Args:
        in_channels (int): Channels C of the input.
        dim (int): Channels d of the output.
        attention (nn.Module): (B, H, W, C) to (B, H, W, d). It has its own shortcut, as
            the input is too wide to be added.
        mlp_drop_rate (float): Dropout behind the MLP. Defaults to 0.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        attention: nn.Module,
        mlp_drop_rate: float = 0.0,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(in_channels)
        self.attention = attention
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, dim)
        self.mlp_drop = nn.Dropout(mlp_drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, d)."""
        x = self.attention(self.norm1(x))
        return x + self.mlp_drop(self.mlp(self.norm2(x)))


class TokenExternalAttention(nn.Module):
    """External attention that narrows tokens; the narrow tokens are its shortcut.

    Args:
        in_channels (int): Channels C of the input.
        dim (int): Channels d of the output.
        num_memories (int): Entries S of the memories. Defaults to 128.
        drop_rate (float): Dropout of the attention and of the output. Defaults to 0.

    Attributes:
        memory_key (nn.Linear): Mk, d to S.
        memory_value (nn.Linear): Mv with a bias, S to d.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        num_memories: int = 128,
        drop_rate: float = 0.0,
    ):
        super().__init__()
        self.reduce = Linear(in_channels, dim)
        self.memory_key = Linear(dim, num_memories, bias=False)
        self.memory_value = Linear(num_memories, dim)
        self.proj = Linear(dim, dim)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, d)."""
        tokens = self.reduce(x.flatten(1, 2))  # F, (B, N, d)
        attention = self.drop(double_normalize(self.memory_key(tokens)))  # (B, N, S)
        mixed = self.proj(self.memory_value(attention))
        return (tokens + self.drop(mixed)).unflatten(1, x.shape[1:3])
