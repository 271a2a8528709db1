"""The simplest token mixer, and MetaFormers of it for quick tests."""

import torch
from torch import Tensor, nn

from mmgroupmix.models import MetaFormer
from mmgroupmix.registry import TOKEN_MIXERS

SIZES = dict(embed_dims=(8, 16, 24, 32), depths=(1, 1, 2, 1), mlp_ratios=(2, 2, 2, 2))


@TOKEN_MIXERS.register_module(force=True)
class MeanOfAllTokens(nn.Module):
    """Gives every token the mean of all tokens, times a factor."""

    def __init__(self, dim: int, factor: float = 1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 2), keepdim=True).expand_as(x) * self.factor


def build_metaformer(**arguments: object) -> MetaFormer:
    """Build a small MetaFormer from a fixed seed."""
    torch.manual_seed(0)
    return MetaFormer(**{'arch': SIZES, 'token_mixers': 'MeanOfAllTokens', **arguments})
