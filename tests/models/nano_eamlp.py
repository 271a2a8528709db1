"""Small EAMLPs, one for each mix of parts in the paper."""

import pytest
import torch
from torch import nn

from mmgroupmix.models import EAMLP

from .small_backbones import NANO_EAMLP

MIXES = dict(
    eamlp={},
    batch_norm=dict(mlp_norm_cfg=dict(type='BN')),
    performer=dict(t2t='performer'),
    self_attention=dict(token_mixer=dict(type='SelfAttention', head_dim=8)),
    no_mlp=dict(arch=dict(NANO_EAMLP, mlp_ratio=0)),
)
every_mix = pytest.mark.parametrize('mix', MIXES)


def build_eamlp(mix: str = 'eamlp', **arguments: object) -> EAMLP:
    """Build a small EAMLP from a fixed seed."""
    torch.manual_seed(0)
    return EAMLP(**{'arch': NANO_EAMLP, **MIXES[mix], **arguments})


def randomize(module: nn.Module) -> nn.Module:
    """Give all weights values that matter, and set eval mode."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.copy_(torch.randn_like(parameter) * fan_in**-0.5)
    module.eval()  # mmpretrain returns nothing here
    return module
