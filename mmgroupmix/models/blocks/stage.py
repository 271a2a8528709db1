"""A stage of a backbone: what changes the resolution, then blocks."""

from torch import Tensor, nn

from ..layers.activation_checkpointing import checkpoint_block
from ..layers.layout import to_map, to_tokens


class Stage(nn.Module):
    """Downsampling of maps, then blocks on tokens.

    Args:
        downsample (nn.Module): (B, C, H, W) to (B, C', H', W').
        blocks (list[nn.Module]): Each (B, H, W, C) to (B, H, W, C).
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
        # 'embedding' is the name in state dicts.
        self.add_module('embedding', downsample)
        self.position_embedding = position_embedding or nn.Identity()
        self.blocks = nn.ModuleList(blocks)

    @property
    def downsample(self) -> nn.Module:
        """What changes the resolution."""
        return self.get_submodule('embedding')

    def forward(self, x: Tensor, recompute: bool = False) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        x = self.position_embedding(to_tokens(self.downsample(x)))
        for block in self.blocks:
            x = checkpoint_block(block, x) if recompute else block(x)
        return to_map(x)
