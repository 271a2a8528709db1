"""External attention in a backbone of any toolbox, by two lines of its config.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), its experiments on detection: a ResNet-50 with one external
attention block at the end of stage 4.
"""

import inspect
from collections.abc import Mapping
from functools import partial

from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import Registry
from torch import Tensor, nn

from ...arguments import check_call, check_names, suggest
from ...errors import UnknownArgumentError, UserError
from ...registry import MODELS
from ..blocks.external_attention_block import ExternalAttentionBlock


@MODELS.register_module()
def WithExternalAttention(  # configs name it as they name a class
    base: str | type | None = None,
    external_attention: Mapping | None = None,
    **backbone_arguments,
) -> nn.Module:
    """A backbone with one of its maps passed through an external attention block.

    In a config, beside what it says of its backbone already::

        backbone=dict(
            type='mmgroupmix.WithExternalAttention',
            base='ResNet',  # what type was
            external_attention=dict(channels=2048))

    What comes out is the backbone itself, of its own class, with a submodule
    ``external_attention`` more. Its own weights keep their names: files for it load as
    before, and the block starts afresh. ``norm_eval`` of the backbone does not reach the
    block's norm, which has no trained statistics to keep; ``eval()`` of the block does.

    Args:
        base (str | type): The backbone, found where ``type`` would be: in the toolbox of
            the config, or as ``'mmdet.ResNet'``.
        external_attention (dict): ``stage``, the place in the tuple of returned maps of
            the one to pass, by default -1, the last; and the arguments of
            :class:`ExternalAttentionBlock`: ``channels`` of that map, ``num_memories``,
            ``norm``, ``tied``, ``norm_cfg``.
        **backbone_arguments: Those of the backbone.

    Returns:
        nn.Module: The backbone. Its forward raises a UserError if there is no
        (B, C, H, W) map at that place, or one with other channels.

    Raises:
        UserError: If there is no such backbone or an argument is not as described.
    """
    if base is None or external_attention is None:
        raise UnknownArgumentError(
            'WithExternalAttention: expected base, the type of the backbone, and '
            'external_attention, a dict with the channels of its map, as '
            "base='ResNet', external_attention=dict(channels=2048); given "
            f'base={base!r}, external_attention={external_attention!r}.'
        )
    block, stage = build_block(external_attention)
    backbone = build_backbone(base, backbone_arguments)
    if hasattr(backbone, 'external_attention'):
        raise UserError(
            f'WithExternalAttention: {type(backbone).__name__} has an external_attention '
            'already. Give its arguments there.'
        )
    backbone.external_attention = block
    backbone.register_forward_hook(partial(pass_map, stage=stage))
    return backbone


def build_block(arguments: Mapping) -> tuple[ExternalAttentionBlock, int]:
    """The block and the place of its map, of the argument ``external_attention``."""
    owner = 'WithExternalAttention: external_attention'
    if not isinstance(arguments, Mapping):
        raise UnknownArgumentError(
            f'{owner}={arguments!r}, expected a dict with the channels of the map, as '
            'dict(channels=2048).'
        )
    arguments = dict(arguments)
    stage = arguments.pop('stage', -1)
    channels = arguments.get('channels', 1)
    if type(channels) is not int or channels < 1:
        raise UnknownArgumentError(
            f'{owner} has channels={channels!r}, expected those of the map, 1 or more.'
        )
    if type(stage) is not int:
        raise UnknownArgumentError(
            f'{owner} has stage={stage!r}, expected the place of a map in the tuple that '
            'the backbone returns: 0 the first, -1 the last.'
        )
    known = (*inspect.signature(ExternalAttentionBlock).parameters, 'stage')
    check_names(owner, arguments, known)
    check_call(owner, ExternalAttentionBlock.__init__, (), arguments)
    return ExternalAttentionBlock(**arguments), stage


def build_backbone(base: str | type, arguments: Mapping) -> nn.Module:
    """The backbone that ``dict(type=base, **arguments)`` is where a config is read."""
    with ROOT_MODELS.switch_scope_and_registry(None) as registry:
        if isinstance(base, str) and find(registry, base) is None:
            raise UserError(
                f'WithExternalAttention: base={base!r} is no registered backbone'
                f'{suggest_backbone(registry, base)}. Give what type was without it; of '
                "another toolbox than the config's as 'mmdet.ResNet'."
            )
        return registry.build(dict(arguments, type=base))


def suggest_backbone(registry: Registry, name: str) -> str:
    """' (did you mean ...?)': the same name in other toolboxes, or the nearest one."""
    scoped = [
        f'{scope}.{known}'
        for scope, child in registry.root.children.items()
        for known in child.module_dict
    ]
    same = [repr(known) for known in scoped if known.endswith(f'.{name}')]
    if same:
        return f' (did you mean {" or ".join(sorted(same))}?)'
    return suggest(name, (*registry.module_dict, *scoped))


def find(registry: Registry, name: str):
    """What is registered under a name, or None."""
    try:
        return registry.get(name)
    except RuntimeError:  # of mmengine, for a name with the shape of a Python path
        return None


def pass_map(
    backbone: nn.Module, inputs: tuple, maps: Tensor | tuple | list, stage: int
) -> Tensor | tuple | list:
    """Forward hook: the backbone's maps with one of them passed through its block."""
    block = backbone.external_attention
    # A norm_eval of the backbone put it in eval mode, for statistics that came with
    # pretrained weights: this one has only those that it gathers.
    block.norm.train(block.training)
    passed = [maps] if isinstance(maps, Tensor) else list(maps)
    if not -len(passed) <= stage < len(passed):
        raise UserError(
            f'WithExternalAttention: stage={stage}, but of {type(backbone).__name__} '
            f'{len(passed)} map(s) come out. Set stage to the place of one of them, or '
            'out_indices to return more.'
        )
    check_map(backbone, passed[stage], block.conv1.in_channels, stage)
    passed[stage] = block(passed[stage])
    if isinstance(maps, Tensor):
        return passed[0]
    return tuple(passed) if isinstance(maps, tuple) else passed


def check_map(
    backbone: nn.Module, feature_map: Tensor, channels: int, stage: int
) -> None:
    """Raise a UserError if it is no (B, C, H, W) map with so many channels."""
    name = type(backbone).__name__
    shape = getattr(feature_map, 'shape', None)
    if shape is None or len(shape) != 4:
        what = type(feature_map).__name__ if shape is None else f'shape {tuple(shape)}'
        raise UserError(
            f'WithExternalAttention: what {name} returns at stage={stage} is of {what}, '
            'expected a map (B, C, H, W). Set stage to the place of one, or let the '
            'backbone return maps.'
        )
    if shape[1] != channels:
        raise UserError(
            f'WithExternalAttention: external_attention has channels={channels}, but the '
            f'map that {name} returns at stage={stage} has {shape[1]}. Set '
            f'channels={shape[1]}.'
        )
