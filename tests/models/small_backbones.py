"""Sizes and arguments of backbones for quick tests, and batch norms as after training."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

#: For GroupMixFormer, PoolFormer and MetaFormer.
NANO = dict(embed_dims=(10, 20, 30, 40), depths=(1, 2, 1, 1), mlp_ratios=(2, 2, 2, 2))
NANO_EAMLP = dict(embed_dims=16, depth=3, num_heads=2, mlp_ratio=2)
#: Those of mmpretrain's PoolFormer in the configs that mmsegmentation ships.
MMPRETRAIN_ARGUMENTS = dict(
    in_patch_size=7,
    in_stride=4,
    in_pad=2,
    down_patch_size=3,
    down_stride=2,
    down_pad=1,
    drop_rate=0.0,
    drop_path_rate=0.0,
    out_indices=(0, 2, 4, 6),
    frozen_stages=0,
)


def randomize_batch_norms(backbone: nn.Module) -> nn.Module:
    """Give batch norms statistics and factors that matter, and set eval mode."""
    torch.manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    return backbone.eval()
