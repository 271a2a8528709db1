"""External attention added to a backbone of any toolbox, by two lines of its config.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), its experiments on detection: a ResNet-50 with one external
attention block at the end of stage 4.
"""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...arguments import check_call, check_names
from ...errors import UnknownArgumentError, UserError
from ...registry import MODELS
from ..blocks.external_attention_block import ExternalAttentionBlock
from .base_backbone import build_backbone


@MODELS.register_module(name='WithExternalAttention')
def add_external_attention(
    base: str | type | None = None,
    external_attention: Mapping | None = None,
    **backbone_arguments: Any,
) -> nn.Module:
    """Build a backbone and pass one of its maps through an external attention block.

    A config needs two lines more than for the backbone alone::

        backbone=dict(
            type='mmgroupmix.WithExternalAttention',
            base='ResNet',  # previously the type
            external_attention=dict(channels=2048))

    The result is the backbone itself, of its own class, with an additional submodule
    ``external_attention``. Its own weights keep their names: its files load as before,
    and the block is randomly initialised. ``norm_eval`` of the backbone does not affect
    the block's norm, which has no pretrained statistics to keep; ``eval()`` of the block
    does.

    Args:
        base (str | type): Type of the backbone, looked up as ``type`` would be: in the
            toolbox of the config, or as ``'mmdet.ResNet'``.
        external_attention (dict): ``stage``, the index of the map in the returned tuple,
            by default -1, the last; and the arguments of
            :class:`ExternalAttentionBlock`: ``channels`` of that map, ``num_memories``,
            ``norm``, ``tied``, ``norm_cfg``.
        **backbone_arguments: Arguments of the backbone.

    Returns:
        nn.Module: The backbone. Its forward raises a UserError unless it returns a
        (B, C, H, W) map of these channels at that index.

    Raises:
        UserError: If no backbone has that name or an argument is not as described.
    """
    if base is None or not isinstance(external_attention, Mapping):
        raise UnknownArgumentError(
            f'WithExternalAttention: base={base!r}, external_attention='
            f'{external_attention!r}, expected the type of the backbone and a dict with '
            "the channels of its map, such as base='ResNet', external_attention="
            'dict(channels=2048).'
        )
    block, stage = build_block(external_attention)
    backbone = build_backbone('WithExternalAttention', base, backbone_arguments)
    if hasattr(backbone, 'external_attention'):
        raise UserError(
            f'WithExternalAttention: {type(backbone).__name__} has external_attention '
            'already. Set its arguments there.'
        )
    backbone.external_attention = block
    backbone.register_forward_hook(partial(pass_map, stage=stage))
    return backbone


#: The name in configs, where it is used like a class.
WithExternalAttention = add_external_attention


def build_block(arguments: Mapping) -> tuple[ExternalAttentionBlock, int]:
    """Build the block and return it with the index of its map."""
    owner = 'WithExternalAttention: external_attention'
    names = (*inspect.signature(ExternalAttentionBlock).parameters, 'stage')
    check_names(owner, arguments, names)
    arguments = dict(arguments)
    stage = arguments.pop('stage', -1)
    if type(stage) is not int:
        raise UnknownArgumentError(
            f'{owner}: stage={stage!r}, expected the index of a map: 0 for the first, -1 '
            'for the last.'
        )
    check_call(owner, ExternalAttentionBlock, (), arguments)
    return ExternalAttentionBlock(**arguments), stage


def pass_map(
    backbone: nn.Module, inputs: tuple, maps: Tensor | tuple | list, stage: int
) -> Tensor | tuple | list:
    """Forward hook: pass one of the backbone's maps through its block."""
    block = backbone.get_submodule('external_attention')
    # With norm_eval, the train() of the backbone puts all batch norms in eval mode after
    # it has set the mode of the block, to keep pretrained statistics. The block's norm
    # has none to keep and must follow the block. train() belongs to the backbone's class,
    # so the mode can only be restored here; normally this changes nothing.
    block.get_submodule('norm').train(block.training)
    passed = [maps] if isinstance(maps, Tensor) else list(maps)
    try:
        passed[stage] = block(passed[stage])
    except (IndexError, TypeError, RuntimeError) as error:
        explain_output(backbone, passed, stage, error)
        raise
    if isinstance(maps, Tensor):
        return passed[0]
    return tuple(passed) if isinstance(maps, tuple) else passed


def explain_output(
    backbone: nn.Module, outputs: list, stage: int, error: Exception
) -> None:
    """Raise a UserError unless the output at this index is a map for the block."""
    channels = backbone.get_parameter('external_attention.conv1.weight').shape[1]
    shapes = [
        tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        for out in outputs
    ]
    shape = shapes[stage] if -len(shapes) <= stage < len(shapes) else ()
    if len(shape) != 4 or shape[1] != channels:
        raise UserError(
            f'WithExternalAttention: stage={stage}, channels={channels}, expected a map '
            f'(B, {channels}, H, W) at that index of the outputs of '
            f'{type(backbone).__name__}: {", ".join(map(str, shapes))}. Set stage to the '
            'index of a map, and channels to its channels.'
        ) from error
