"""A stage of a backbone: a change of resolution, then blocks."""

from torch import Tensor, nn

from ..layers.activation_checkpointing import checkpoint_block
from ..layers.layout import to_map, to_tokens


class Stage(nn.Module):
    """Downsampling, position embedding, blocks.

    Args:
        downsample (nn.Module): Changes resolution and width: (B, C, H, W) to
            (B, C', H', W'). State dicts name it ``embedding``.
        blocks (list[nn.Module]): Blocks, each (B, H, W, C') to (B, H, W, C').
        position_embedding (nn.Module, optional): Applied to the tokens before the
            blocks. Defaults to None.
    """

    def __init__(
        self,
        downsample: nn.Module,
        blocks: list[nn.Module],
        position_embedding: nn.Module | None = None,
    ):
        super().__init__()
        self.embedding = downsample
        self.position_embedding = position_embedding or nn.Identity()
        self.blocks = nn.ModuleList(blocks)

    @property
    def downsample(self) -> nn.Module:
        """The module that changes resolution and width."""
        return self.embedding

    def forward(self, x: Tensor, recompute: bool = False) -> Tensor:
        """(B, H, W, C) tokens to (B, H', W', C') tokens.

        With ``recompute``, blocks run again in the backward pass, see ``with_cp``.
        """
        x = self.position_embedding(to_tokens(self.embedding(to_map(x))))
        for block in self.blocks:
            x = checkpoint_block(block, x) if recompute else block(x)
        return x
