"""Names of published classes and functions, registered as backbones of this package.

So a config needs the scope alone: ``type='mmgroupmix.poolformer_s12_feat'``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ...registry import MODELS
from .eamlp import EAMLP
from .foreign_arguments import translate_sail_sg
from .foreign_arguments.translation import log_once
from .groupmixformer import GroupMixFormer
from .poolformer import PoolFormer

#: Arguments of a ResNet that the base configs of mmdetection and mmsegmentation have.
#: sail-sg's configs inherit them, and its class ignores them.
_RESNET_ARGUMENTS = (
    *('depth', 'num_stages', 'out_indices', 'frozen_stages', 'norm_cfg', 'norm_eval'),
    *('strides', 'dilations', 'contract_dilation', 'stem_channels', 'multi_grid'),
    *('avg_down', 'conv_cfg', 'dcn', 'stage_with_dcn', 'plugins', 'zero_init_residual'),
)


def register_published_names() -> None:
    """Register the names that sail-sg, GroupMixFormer and EANet have for sizes."""
    for arch, sizes in PoolFormer.arch_settings.items():
        _register(f'poolformer_{arch}_feat', _build_sail_sg, sizes)
    for arch in GroupMixFormer.arch_settings:
        _register(f'groupmixformer_{arch}', _build_groupmixformer, dict(arch=arch))
    for arch, sizes in EAMLP.arch_settings.items():
        _register(f'T2t_vit_{arch}', _build_t2t_vit, sizes)


def _register(name: str, build: Callable, sizes: Mapping[str, Any]) -> None:
    def build_published(**arguments: Any) -> nn.Module:
        return build(sizes, arguments)

    build_published.__name__ = name
    MODELS.register_module(name=name, module=build_published)


def _build_sail_sg(sizes: Mapping[str, Any], given: Mapping[str, Any]) -> PoolFormer:
    """Build sail-sg's class for dense prediction of one size."""
    # A depth can only come from a ResNet, whose config this one was merged into.
    left_over = _RESNET_ARGUMENTS if 'depth' in given else ()
    arguments = dict(
        layers=sizes['depths'],
        embed_dims=sizes['embed_dims'],
        mlp_ratios=sizes['mlp_ratios'],
        layer_scale_init_value=sizes['layer_scale'],
        fork_feat=True,
    )
    native, line = translate_sail_sg(PoolFormer, {**arguments, **given}, left_over)
    backbone = PoolFormer(**native)
    log_once(line)
    return backbone


def _build_groupmixformer(
    sizes: Mapping[str, Any], given: Mapping[str, Any]
) -> GroupMixFormer:
    return GroupMixFormer(**sizes, **given)


def _build_t2t_vit(sizes: Mapping[str, Any], given: Mapping[str, Any]) -> EAMLP:
    """Build the published EAMLP of one size."""
    arguments = dict(
        embed_dim=sizes['embed_dims'],
        depth=sizes['depth'],
        num_heads=sizes['num_heads'],
        mlp_ratio=sizes['mlp_ratio'],
        tokens_type='performer',
    )
    return EAMLP(**{**arguments, **given})
