"""From what a person gives a backbone to complete settings, or a message."""

import inspect
import logging
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

from mmengine.logging import print_log
from torch import nn

from ...arguments import check_call, check_keys, suggest
from ...errors import UserError
from ...registry import TOKEN_MIXERS

NUM_STAGES = 4
#: Addresses under which OpenMMLab's loaders know other models.
FOREIGN_PREFIXES = (
    'open-mmlab://',
    'torchvision://',
    'mmcls://',
    'modelzoo://',
    'jhu://',
)


def resolve_sizes(
    name: str,
    arch: Mapping,
    mlp_ratios: float | Sequence | None,
    layer_scale: float | None,
    drop_path_rate: float | None,
) -> dict:
    """A complete table of sizes: that of the architecture, with what is given instead.

    Args:
        name (str): The backbone, for messages.
        arch (dict): ``embed_dims``, ``depths`` and ``mlp_ratios``, four values each;
            perhaps ``layer_scale`` and ``drop_path_rate``.
        mlp_ratios (float | Sequence, optional): One for all stages, or four.
        layer_scale (float, optional): Initial value, 0 for none.
        drop_path_rate (float, optional): Of the last block.

    Returns:
        dict: The five, ``mlp_ratios`` four of them.

    Raises:
        UserError: If one is missing, unknown or out of range.
    """
    given = dict(
        mlp_ratios=mlp_ratios, layer_scale=layer_scale, drop_path_rate=drop_path_rate
    )
    given = {key: value for key, value in given.items() if value is not None}
    optional = {'layer_scale': 0.0, 'drop_path_rate': 0.0, **given}
    required = ('embed_dims', 'depths', 'mlp_ratios')
    check_keys(
        f'{name}: arch', arch, [key for key in required if key not in given], optional
    )
    sizes = {**optional, **arch, **given}
    if isinstance(sizes['mlp_ratios'], (int, float)):
        sizes['mlp_ratios'] = (sizes['mlp_ratios'],) * NUM_STAGES
    for key in ('embed_dims', 'depths'):
        if not has_one_per_stage(sizes[key]) or not all(
            isinstance(v, Integral) and v > 0 for v in sizes[key]
        ):
            raise UserError(
                f'{name}: {key}={sizes[key]!r}, expected four positive whole numbers, '
                'one a stage.'
            )
    ratios = sizes['mlp_ratios']
    if not has_one_per_stage(ratios) or not all(
        isinstance(v, Real) and (v == 0 or v * dim >= 1)
        for v, dim in zip(ratios, sizes['embed_dims'])
    ):
        raise UserError(
            f'{name}: mlp_ratios={ratios!r}, expected four numbers from 0 (no MLP), one '
            'a stage: hidden channels in units of embed_dims.'
        )
    if not isinstance(sizes['layer_scale'], (int, float)):
        raise UserError(
            f'{name}: layer_scale={sizes["layer_scale"]!r}, expected the initial value '
            'of the factors, or 0 for none.'
        )
    return sizes


def has_one_per_stage(values: object) -> bool:
    """Whether there are four of them in a list or tuple."""
    return isinstance(values, (tuple, list)) and len(values) == NUM_STAGES


def check_numbers(
    name: str,
    in_channels: int,
    drop_path_rate: float,
    frozen_stages: int,
    num_stages: int = NUM_STAGES,
    parts: tuple[str, str] = ('the stem', 'stages'),
) -> None:
    """Raise a UserError if one of them is out of range or no number.

    Args:
        name (str): The backbone, for messages.
        in_channels (int): From 1.
        drop_path_rate (float): From 0, below 1.
        frozen_stages (int): From -1 to ``num_stages``.
        num_stages (int): Defaults to 4.
        parts (tuple[str, str]): What frozen_stages=0 freezes, and what more it counts.
            Defaults to the stem and stages.
    """
    if type(in_channels) is not int or in_channels < 1:
        raise UserError(
            f'{name}: in_channels={in_channels!r}, expected a number of channels, 1 or '
            'more.'
        )
    is_number = isinstance(drop_path_rate, (int, float))
    if not is_number or not 0 <= drop_path_rate < 1:
        raise UserError(
            f'{name}: drop_path_rate={drop_path_rate!r}, expected 0 <= rate < 1.'
        )
    if type(frozen_stages) is not int or not -1 <= frozen_stages <= num_stages:
        first, others = parts
        raise UserError(
            f'{name}: frozen_stages={frozen_stages!r}, expected -1 (none), 0 ({first}) '
            f'or 1 to {num_stages} ({first} and so many {others}).'
        )


def resolve_init_cfg(
    name: str, init_cfg: Mapping | Sequence | None, pretrained: str | None
) -> Mapping | Sequence | None:
    """The initialisation that ``init_cfg`` and an inherited ``pretrained`` amount to."""
    if pretrained is None:
        return init_cfg
    if pretrained.startswith(FOREIGN_PREFIXES):
        print_log(
            f'model.pretrained={pretrained!r} is of another backbone and ignored: '
            f'{name} starts from {init_cfg or "random weights"}. Set '
            'model.pretrained=None.',
            logger='current',
            level=logging.WARNING,
        )
        return init_cfg
    if init_cfg is not None:
        raise UserError(
            f'{name}: both pretrained={pretrained!r} and init_cfg={init_cfg} are given. '
            'Keep init_cfg, and set model.pretrained=None.'
        )
    return dict(type='Pretrained', checkpoint=pretrained)


def resolve_token_mixers(
    name: str, token_mixers: str | Mapping | type | Sequence | None
) -> list[dict]:
    """The mixer config of every stage, from one for all or four."""
    if token_mixers is None:
        raise UserError(
            f'{name}: token_mixers is missing. Give a name, or a dict with type and '
            f'arguments, or four of them. Registered: {registered_mixers()}.'
        )
    if isinstance(token_mixers, (str, Mapping, type)):
        token_mixers = [token_mixers] * NUM_STAGES
    if not has_one_per_stage(token_mixers):
        count = (
            len(token_mixers)
            if isinstance(token_mixers, (list, tuple))
            else repr(token_mixers)
        )
        raise UserError(
            f'{name}: {count} token_mixers, expected one for all stages or four, one a '
            'stage; each a name, a class, or a dict with type and arguments.'
        )
    return [resolve_token_mixer(name, mixer) for mixer in token_mixers]


def resolve_token_mixer(name: str, token_mixer: str | Mapping | type) -> dict:
    """The config of one mixer, with its ``type``."""
    mixer = (
        dict(token_mixer) if isinstance(token_mixer, Mapping) else dict(type=token_mixer)
    )
    if not isinstance(mixer.get('type'), (str, type)):
        raise UserError(
            f'{name}: the token mixer {token_mixer!r} has no type that is a name or a '
            f'class. Registered: {registered_mixers()}.'
        )
    return mixer


def resolve_position_embeddings(
    name: str, sizes: Sequence | None
) -> list[tuple[int, int] | None]:
    """The size of every stage's position embedding, None for none."""
    if sizes is None:
        return [None] * NUM_STAGES
    fits = has_one_per_stage(sizes) and all(
        size is None
        or (
            isinstance(size, (tuple, list))
            and len(size) == 2
            and all(type(side) is int and side > 0 for side in size)
        )
        for size in sizes
    )
    if not fits:
        raise UserError(
            f'{name}: position_embeddings={sizes!r}, expected four entries, one a stage:'
            ' None, or the (height, width) of the map that it is learnt on, as '
            '(None, None, None, (7, 7)).'
        )
    return list(sizes)


def build_mixer(cfg: Mapping, dim: int) -> nn.Module:
    """A token mixer of ``TOKEN_MIXERS``, or of the class that ``type`` is.

    Raises:
        UserError: If no mixer has that name.
        UnknownArgumentError: If it does not take the arguments.
    """
    arguments = dict(cfg)
    kind = arguments.pop('type')
    mixer = TOKEN_MIXERS.get(kind) if isinstance(kind, str) else kind
    if mixer is None:
        raise UserError(
            f'There is no token mixer {kind!r}{suggest(kind, TOKEN_MIXERS.module_dict)}. '
            f'Registered: {registered_mixers()}. A mixer of your own registers when '
            'its file is imported: decorate its class with '
            '@TOKEN_MIXERS.register_module(), and name the file in custom_imports.'
        )
    name = mixer.__name__
    if 'dim' in arguments:
        raise UserError(
            f'The token mixer {cfg} has dim already; the backbone gives it, {dim} at '
            'this stage. Leave it out.'
        )
    parameters = inspect.signature(mixer).parameters.values()
    if not any(p.name == 'dim' or p.kind is p.VAR_KEYWORD for p in parameters):
        raise UserError(
            f'{name}.__init__ takes no dim: a token mixer must, for the number of '
            'channels of its stage.'
        )
    check_call(name, mixer.__init__, (), dict(arguments, dim=dim))
    return mixer(dim=dim, **arguments)


def registered_mixers() -> str:
    """The names that ``token_mixers`` takes, for messages."""
    return ', '.join(sorted(TOKEN_MIXERS.module_dict))
