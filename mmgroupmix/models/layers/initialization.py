"""Initialisation of weights."""

from torch import nn


def initialize(module: nn.Module) -> None:
    """Initialise a linear layer: weight from a truncated normal of 0.02, bias zero.

    Other modules keep PyTorch's initialisation.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialize_except_mixers(backbone: nn.Module) -> None:
    """:func:`initialize` every module outside the token mixers.

    A token mixer initialises itself: a user's own keeps what its ``__init__`` has set.
    """
    for name, module in backbone.named_modules():
        if 'token_mixer' not in name.split('.'):
            initialize(module)
