"""A stage of a backbone: what changes the resolution, then blocks."""

from torch import Tensor, nn

from .layout import to_map, to_tokens
from .recomputation import recompute_in_backward


class Stage(nn.Module):
    """An embedding on maps, then blocks on tokens.

    Args:
        embedding (nn.Module): (B, C, H, W) to (B, C', H', W').
        blocks (list[nn.Module]): Each (B, H, W, C) to (B, H, W, C).
        position_embedding (nn.Module, optional): Applied to the tokens before the
            blocks. Defaults to None.
    """

    def __init__(
        self, embedding: nn.Module, blocks: list[nn.Module],
        position_embedding: nn.Module | None = None
    ):
        super().__init__()
        self.embedding = embedding
        self.position_embedding = position_embedding or nn.Identity()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, recompute: bool = False) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        x = self.position_embedding(to_tokens(self.embedding(x)))
        for block in self.blocks:
            x = recompute_in_backward(block, x) if recompute else block(x)
        return to_map(x)
