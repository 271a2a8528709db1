"""Weights at the start of training."""

from torch import nn


def initialize(module: nn.Module) -> None:
    """Linear layers: truncated normal 0.02 and zero bias; others as PyTorch does."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialize_around_mixers(backbone: nn.Module) -> None:
    """:func:`initialize` everything but token mixers, which see to themselves.

    A person's own mixer keeps what its ``__init__`` set.
    """
    for name, module in backbone.named_modules():
        if 'token_mixer' not in name.split('.'):
            initialize(module)
