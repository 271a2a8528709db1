"""From what a person gives a backbone to complete settings, or a message."""

import logging
from collections.abc import Mapping, Sequence

from mmengine.logging import print_log
from torch import nn

from ...errors import UserError
from ...registry import TOKEN_MIXERS
from ..arguments import check_call, check_keys, suggest

NUM_STAGES = 4
#: Addresses under which OpenMMLab's loaders know other models.
OTHER_MODELS = ('open-mmlab://', 'torchvision://', 'mmcls://', 'modelzoo://', 'jhu://')


def settle_sizes(
    name: str, arch: Mapping, mlp_ratios: float | Sequence | None,
    layer_scale: float | None, drop_path_rate: float | None
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
    sizes = dict(layer_scale=0., drop_path_rate=0.)
    if isinstance(arch, Mapping):
        sizes.update(arch)
    given = dict(
        mlp_ratios=mlp_ratios, layer_scale=layer_scale, drop_path_rate=drop_path_rate)
    sizes.update({key: value for key, value in given.items() if value is not None})
    required = ('embed_dims', 'depths', 'mlp_ratios')
    check_keys(
        f'{name}: arch', sizes if isinstance(arch, Mapping) else arch,
        (*required, 'layer_scale', 'drop_path_rate'))
    if isinstance(sizes['mlp_ratios'], (int, float)):
        sizes['mlp_ratios'] = (sizes['mlp_ratios'], ) * NUM_STAGES
    for key in required:
        may_be_zero = key == 'mlp_ratios'
        values = sizes[key]
        if not (isinstance(values, (tuple, list)) and len(values) == NUM_STAGES
                and all(isinstance(v, (int, float)) and v >= 0 and (v or may_be_zero)
                        for v in values)):
            expected = 'numbers from 0 (no MLP)' if may_be_zero else 'positive numbers'
            raise UserError(
                f'{name}: {key}={values!r}, expected four {expected}, one a stage.')
    if not isinstance(sizes['layer_scale'], (int, float)):
        raise UserError(
            f'{name}: layer_scale={sizes["layer_scale"]!r}, expected the initial value '
            'of the factors, or 0 for none.')
    return sizes


def check_numbers(
    name: str, in_channels: int, drop_path_rate: float, frozen_stages: int
) -> None:
    """Raise a UserError if one of them is out of range or no number."""
    if type(in_channels) is not int or in_channels < 1:
        raise UserError(
            f'{name}: in_channels={in_channels!r}, expected a number of channels, 1 or '
            'more.')
    is_number = isinstance(drop_path_rate, (int, float))
    if not is_number or not 0 <= drop_path_rate < 1:
        raise UserError(
            f'{name}: drop_path_rate={drop_path_rate!r}, expected 0 <= rate < 1.')
    if type(frozen_stages) is not int or not -1 <= frozen_stages <= NUM_STAGES:
        raise UserError(
            f'{name}: frozen_stages={frozen_stages!r}, expected -1 (none), 0 (the stem) '
            'or 1 to 4 (the stem and so many stages).')


def settle_init_cfg(
    name: str, init_cfg: Mapping | Sequence | None, pretrained: str | None
) -> Mapping | Sequence | None:
    """The initialisation that ``init_cfg`` and an inherited ``pretrained`` amount to."""
    if pretrained is None:
        return init_cfg
    if pretrained.startswith(OTHER_MODELS):
        print_log(
            f'model.pretrained={pretrained!r} is of another backbone and ignored: '
            f'{name} starts from {init_cfg or "random weights"}. Set '
            'model.pretrained=None.', logger='current', level=logging.WARNING)
        return init_cfg
    if init_cfg is not None:
        raise UserError(
            f'{name}: both pretrained={pretrained!r} and init_cfg={init_cfg} are given. '
            'Keep init_cfg, and set model.pretrained=None.')
    return dict(type='Pretrained', checkpoint=pretrained)


def settle_mixers(
    name: str, token_mixers: str | Mapping | type | Sequence | None
) -> list[dict]:
    """The mixer config of every stage, from one for all or four."""
    if token_mixers is None:
        raise UserError(
            f'{name}: token_mixers is missing. Give a name, or a dict with type and '
            f'arguments, or four of them. Registered: {registered_mixers()}.')
    if isinstance(token_mixers, (str, Mapping, type)):
        token_mixers = [token_mixers] * NUM_STAGES
    if len(token_mixers) != NUM_STAGES:
        raise UserError(
            f'{name}: {len(token_mixers)} token_mixers, expected one for all stages or '
            'four, one a stage.')
    mixers = [
        dict(m) if isinstance(m, Mapping) else dict(type=m) for m in token_mixers]
    for mixer in mixers:
        if 'type' not in mixer:
            raise UserError(
                f'{name}: the token mixer {mixer} has no type. Registered: '
                f'{registered_mixers()}.')
    return mixers


def settle_positions(name: str, sizes: Sequence | None) -> list[tuple[int, int] | None]:
    """The size of every stage's position embedding, None for none."""
    if sizes is None:
        return [None] * NUM_STAGES
    fits = isinstance(sizes, (tuple, list)) and len(sizes) == NUM_STAGES and all(
        size is None or isinstance(size, (tuple, list)) and len(size) == 2
        and all(type(side) is int and side > 0 for side in size) for size in sizes)
    if not fits:
        raise UserError(
            f'{name}: position_embeddings={sizes!r}, expected four entries, one a stage:'
            ' None, or the (height, width) of the map that it is learnt on, as '
            '(None, None, None, (7, 7)).')
    return list(sizes)


def build_mixer(cfg: Mapping, dim: int) -> nn.Module:
    """A token mixer of ``TOKEN_MIXERS``, or of the class that ``type`` is.

    Raises:
        UserError: If no mixer has that name.
        UnknownArgumentError: If it does not take the arguments.
    """
    arguments = dict(cfg, dim=dim)
    kind = arguments.pop('type')
    mixer = TOKEN_MIXERS.get(kind) if isinstance(kind, str) else kind
    if mixer is None:
        raise UserError(
            f'There is no token mixer {kind!r}{suggest(kind, TOKEN_MIXERS.module_dict)}. '
            f'Registered: {registered_mixers()}. A mixer of your own registers when '
            'its file is imported: name the file in custom_imports.')
    check_call(mixer.__name__, mixer.__init__, (), arguments)
    return mixer(**arguments)


def registered_mixers() -> str:
    """The names that ``token_mixers`` takes, for messages."""
    return ', '.join(sorted(TOKEN_MIXERS.module_dict))
