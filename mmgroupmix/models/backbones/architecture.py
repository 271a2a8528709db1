"""Arguments of the backbones, completed with defaults and checked."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log

from ...arguments import (
    check_argument,
    check_call,
    check_int,
    check_number,
    check_sequence,
)
from ...errors import UnknownArgumentError
from ..token_mixers.build import resolve_token_mixer

NUM_STAGES = 4
FLOAT32_MAX = torch.finfo(torch.float32).max
#: Addresses under which OpenMMLab's loaders find the weights of other models.
MODEL_ZOO_PREFIXES = (
    'open-mmlab://',
    'torchvision://',
    'mmcls://',
    'modelzoo://',
    'jhu://',
)


@dataclass(frozen=True)
class StageSizes:
    """Sizes of the four stages of a MetaFormer.

    Attributes:
        embed_dims (Sequence[int]): Channels, one number per stage.
        depths (Sequence[int]): Blocks, one number per stage.
        mlp_ratios (Sequence[float]): Hidden channels of the MLPs in units of channels,
            one number per stage; 0 for no MLP.
        layer_scale (float): Initial value of the layer scale; 0 for none.
        drop_path_rate (float): Stochastic depth of the last block.
    """

    embed_dims: Sequence[int]
    depths: Sequence[int]
    mlp_ratios: Sequence[float]
    layer_scale: float = 0.0
    drop_path_rate: float = 0.0


def resolve_stage_sizes(owner: str, arch: Mapping, **overrides: object) -> StageSizes:
    """Complete the sizes of an architecture.

    Args:
        owner (str): Name of the backbone, for messages.
        arch (dict): Values of :class:`StageSizes`.
        **overrides: Values to use instead, unless None. ``mlp_ratios`` may be one number
            for all stages.

    Returns:
        StageSizes: The sizes.

    Raises:
        UserError: If a value is missing, unknown or out of range.
    """
    values = {**arch, **{k: v for k, v in overrides.items() if v is not None}}
    if isinstance(values.get('mlp_ratios'), (int, float)):
        values['mlp_ratios'] = (values['mlp_ratios'],) * NUM_STAGES
    check_call(f'{owner}: arch', StageSizes, (), values)
    sizes = StageSizes(**values)
    for key in ('embed_dims', 'depths', 'mlp_ratios'):
        check_sequence(f'{owner}: {key}', values[key], NUM_STAGES, 'one per stage')
    for stage in range(NUM_STAGES):
        check_int(f'{owner}: embed_dims[{stage}]', sizes.embed_dims[stage], 1)
        check_int(f'{owner}: depths[{stage}]', sizes.depths[stage], 1)
        check_number(f'{owner}: mlp_ratios[{stage}]', sizes.mlp_ratios[stage], 0)
    scale = sizes.layer_scale
    # It becomes a float32 parameter. The comparison is False for NaN.
    is_number = isinstance(scale, (int, float)) and abs(scale) <= FLOAT32_MAX
    name = f'{owner}: layer_scale'
    check_argument(is_number, name, scale, 'a number of float32, 0 for none')
    return sizes


def check_training_arguments(
    owner: str,
    in_channels: object,
    drop_path_rate: object,
    frozen_stages: object,
    parts: tuple[str, str] = ('the stem', 'stages'),
    num_parts: int = NUM_STAGES,
) -> None:
    """Check arguments that all backbones have.

    ``parts`` are what 0 freezes and what larger numbers count, up to ``num_parts``.
    """
    check_int(f'{owner}: in_channels', in_channels, 1)
    check_number(f'{owner}: drop_path_rate', drop_path_rate, 0, below=1)
    hint = f'-1 freezes nothing, 0 {parts[0]}, n also the first n {parts[1]}.'
    check_int(f'{owner}: frozen_stages', frozen_stages, -1, hint, maximum=num_parts)


def check_out_indices(owner: str, out_indices: Sequence[int]) -> tuple[int, ...]:
    """Check which stages a backbone returns: ascending indices from 0 to 3."""
    name = f'{owner}: out_indices'
    expected = 'ascending stage indices from 0 to 3, such as (0, 1, 2, 3)'
    is_sequence = isinstance(out_indices, (tuple, list))
    if not is_sequence or not all(type(index) is int for index in out_indices):
        raise UnknownArgumentError(f'{name}={out_indices!r}, expected {expected}.')
    indices = tuple(out_indices)
    is_ascending = list(indices) == sorted(set(indices) & set(range(NUM_STAGES)))
    check_argument(indices != () and is_ascending, name, out_indices, expected)
    return indices


def resolve_init_cfg(
    owner: str, init_cfg: dict | list[dict] | None, pretrained: str | Path | None
) -> dict | list[dict] | None:
    """Combine ``init_cfg`` with ``pretrained``, which a config may have inherited."""
    if pretrained is None:
        return init_cfg
    is_file = isinstance(pretrained, (str, Path))
    check_argument(is_file, f'{owner}: pretrained', pretrained, 'the path of a file')
    pretrained = str(pretrained)
    if pretrained.startswith(MODEL_ZOO_PREFIXES):
        print_log(
            f'model.pretrained={pretrained!r} belongs to another backbone and is '
            f'ignored: {owner} starts from {init_cfg or "random weights"}. Set '
            'model.pretrained=None.',
            logger='current',
            level=logging.WARNING,
        )
        return init_cfg
    expected = f'None, as both pretrained and init_cfg={init_cfg} are given'
    check_argument(init_cfg is None, f'{owner}: pretrained', pretrained, expected)
    return dict(type='Pretrained', checkpoint=pretrained)


def resolve_token_mixers(owner: str, token_mixers: Any) -> list[list[dict]]:
    """Complete ``token_mixers`` to the configs of each stage, which its blocks alternate.

    They are one mixer for all stages, or four entries: a mixer, or several.
    """
    if not isinstance(token_mixers, (tuple, list)):
        token_mixers = [token_mixers] * NUM_STAGES
    check_sequence(f'{owner}: token_mixers', token_mixers, NUM_STAGES, 'one per stage')
    stages = [
        entry if isinstance(entry, (tuple, list)) and entry else [entry]
        for entry in token_mixers
    ]
    return [[resolve_token_mixer(owner, mixer) for mixer in stage] for stage in stages]


def spread_over_stages(owner: str, arguments: Mapping) -> list[dict]:
    """Give each stage its arguments: a sequence of four values is one value per stage."""
    check_argument(isinstance(arguments, Mapping), owner, arguments, 'a dict')

    def pick(value: Any, stage: int) -> Any:
        is_per_stage = isinstance(value, (tuple, list)) and len(value) == NUM_STAGES
        return value[stage] if is_per_stage else value

    return [
        {key: pick(value, stage) for key, value in arguments.items()}
        for stage in range(NUM_STAGES)
    ]


def resolve_position_embeddings(
    owner: str, sizes: Sequence[tuple[int, int] | None] | None
) -> Sequence[tuple[int, int] | None]:
    """Complete ``position_embeddings`` to a (height, width) or None per stage."""
    if sizes is None:
        return (None,) * NUM_STAGES
    name = f'{owner}: position_embeddings'
    check_sequence(name, sizes, NUM_STAGES, 'one per stage: None or (height, width)')
    for stage, size in enumerate(sizes):
        if size is not None:
            check_size(f'{name}[{stage}]', size, 1)
    return sizes


def check_size(name: str, size: Sequence[int], minimum: int) -> None:
    """Check a (height, width) in pixels or tokens."""
    check_sequence(name, size, 2, '(height, width)')
    for side in size:
        check_int(name, side, minimum)
