"""Arguments of mmpretrain's and sail-sg's PoolFormer.

sail-sg's class returns all four maps or classifies; mmpretrain's selects maps by
``out_indices``, which count seven sub-modules.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ....errors import UserError
from .sub_modules import (
    choose_outputs,
    count_frozen_stages,
    count_stages,
    counts_sub_modules,
    list_integers,
)
from .translation import (
    Converted,
    Fixed,
    Ignored,
    Renamed,
    Rule,
    Translation,
    name_arch,
)

MMPRETRAIN = "mmpretrain's PoolFormer"
SAIL_SG = "sail-sg's PoolFormer"

_KEEP = (
    "Set it so, or keep type='mmpretrain.PoolFormer' or sail-sg's class for this config."
)
_STEM = f'the published stem is a 7x7 convolution of stride 4 with padding 2. {_KEEP}'
_DOWN = (
    'the published downsampling is a 3x3 convolution of stride 2 with padding 1. ' + _KEEP
)

#: Arguments that both classes have.
SHARED_RULES: dict[str, Rule] = dict(
    in_patch_size=Fixed(7, _STEM),
    in_stride=Fixed(4, _STEM),
    in_pad=Fixed(2, _STEM),
    down_patch_size=Fixed(3, _DOWN),
    down_stride=Fixed(2, _DOWN),
    down_pad=Fixed(1, _DOWN),
    drop_rate=Fixed(
        0,
        'the MLPs have no dropout; drop_path_rate is stochastic depth, and is honoured. '
        + _KEEP,
    ),
    pool_size=Converted(('token_mixers',)),
    in_chans=Renamed('in_channels'),
)
#: Arguments that only sail-sg's class has.
SAIL_SG_RULES: dict[str, Rule] = dict(
    layers=Converted(('arch',)),
    embed_dims=Converted(('arch',)),
    downsamples=Converted(('arch',)),
    use_layer_scale=Converted(('layer_scale',)),
    layer_scale_init_value=Converted(('layer_scale',)),
    fork_feat=Converted(('out_indices', 'final_norm')),
    norm_layer=Fixed('GroupNorm', 'other norms are set by norm_cfg. Use that instead.'),
    act_layer=Fixed('GELU', 'other activations are set by act_cfg. Use that instead.'),
    num_classes=Ignored('it belongs to the head'),
    style=Ignored('a ResNet has it'),
)
POOLFORMER_RULES = {**SHARED_RULES, **SAIL_SG_RULES}
_LAYER_SCALE = {'use_layer_scale', 'layer_scale_init_value'}


def translate_poolformer(
    cls: type, given: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Translate arguments of mmpretrain's or sail-sg's PoolFormer.

    Args:
        cls (type): Our backbone.
        given (Mapping): Arguments of any of the three.

    Returns:
        tuple[dict, str]: Our arguments, and the line that says what was translated.

    Raises:
        UserError: If an argument has a value that this package cannot honour, or can be
            read in two ways.
    """
    arguments = dict(given)
    if _is_for_sail_sg(arguments):
        return translate_sail_sg(cls, arguments)
    if not _is_for_mmpretrain(arguments):
        return arguments, choose_outputs(cls.__name__, arguments)
    translation = Translation(cls.__name__, MMPRETRAIN, arguments)
    translation.apply(POOLFORMER_RULES)
    _convert_mmpretrain(translation)
    _convert_layer_scale(translation)
    _convert_pool_size(translation)
    return translation.arguments, translation.format_line()


def translate_sail_sg(
    cls: type, given: Mapping[str, Any], left_over: Sequence[str] = ()
) -> tuple[dict[str, Any], str]:
    """Translate arguments of sail-sg's PoolFormer.

    Args:
        cls (type): Our backbone.
        given (Mapping): Arguments of either.
        left_over (Sequence[str]): Names of arguments that belong to another backbone and
            are ignored. Defaults to ().

    Returns:
        tuple[dict, str]: Our arguments, and the line that says what was translated.

    Raises:
        UserError: If an argument has a value that this package cannot honour.
    """
    arguments = {name: value for name, value in given.items() if name not in left_over}
    translation = Translation(cls.__name__, SAIL_SG, arguments)
    translation.ignored += [
        f'{name}={value!r}' for name, value in given.items() if name in left_over
    ]
    translation.apply(POOLFORMER_RULES)
    _convert_sail_sg(cls, translation)
    _convert_pool_size(translation)
    return translation.arguments, translation.format_line()


def _is_for_sail_sg(arguments: Mapping[str, Any]) -> bool:
    """Whether arguments are there that only sail-sg's class takes."""
    names = {name for name in arguments if name in SAIL_SG_RULES}
    if names <= _LAYER_SCALE:  # which mmpretrain has too, in the dict of an arch
        return bool(names) and not _is_for_mmpretrain(arguments)
    is_left_over = names <= _LAYER_SCALE | {'style', 'num_classes'}
    return not (is_left_over and counts_sub_modules(arguments))


def _is_for_mmpretrain(arguments: Mapping[str, Any]) -> bool:
    """Whether arguments are there that mmpretrain's class takes and ours does not."""
    arch = arguments.get('arch')
    has_layers = isinstance(arch, Mapping) and 'layers' in arch
    is_shared = any(name in SHARED_RULES for name in arguments)
    return is_shared or has_layers or counts_sub_modules(arguments)


def _convert_mmpretrain(translation: Translation) -> None:
    """Convert the arguments that mmpretrain's class has in another form, and defaults."""
    arguments = translation.arguments
    translation.put_default('arch', 's12')
    if isinstance(arguments['arch'], Mapping) and 'layers' in arguments['arch']:
        sizes = dict(arguments.pop('arch'))
        depths = sizes.pop('layers')
        sizes.setdefault('mlp_ratios', (4, 4, 4, 4))
        scale = sizes.pop('layer_scale_init_value', 1e-5)
        arch = {**sizes, 'depths': depths, 'layer_scale': scale}
        _check_sizes(translation, arch, 'arch')
        translation.put('arch', arch, "arch with 'layers'")
    indices = arguments.pop('out_indices', -1)
    stages = count_stages(translation, indices)
    if stages is None:
        arguments['out_indices'] = indices  # for the check of the class
    else:
        translation.put(
            'out_indices', stages, f'out_indices={indices!r} of its seven sub-modules'
        )
    if 'frozen_stages' in arguments:
        count_frozen_stages(translation)
    else:
        meaning = ', which freezes the patch embedding (-1 freezes nothing)'
        translation.put_default('frozen_stages', 0, meaning)
    translation.put_default('drop_path_rate', 0.0)
    _initialize_linear_layers(translation)


def _initialize_linear_layers(translation: Translation) -> None:
    """Let an ``init_cfg`` of convolutions include the MLPs, convolutions there."""
    given = translation.arguments.get('init_cfg')
    if isinstance(given, (tuple, list)):
        changed: Any = [_add_linear(cfg) for cfg in given]
    else:
        changed = _add_linear(given)
    if changed != given:
        translation.arguments['init_cfg'] = changed
        note = (
            "init_cfg of 'Conv2d' also for 'Linear', as the MLPs are convolutions there"
        )
        translation.changes.append(note)


def _add_linear(cfg: Any) -> Any:
    layers = cfg.get('layer') if isinstance(cfg, Mapping) else None
    layers = [layers] if isinstance(layers, str) else list(layers or ())
    if 'Conv2d' not in layers or 'Linear' in layers:
        return cfg
    return {**cfg, 'layer': [*layers, 'Linear']}


def _convert_sail_sg(cls: Any, translation: Translation) -> None:
    """Convert the arguments that only sail-sg's class has, and its defaults."""
    arguments = translation.arguments
    downsamples = arguments.pop('downsamples', None) or (True,) * 4
    if 'layers' in arguments:
        sizes = dict(
            embed_dims=arguments.pop('embed_dims', None),
            depths=arguments.pop('layers'),
            mlp_ratios=arguments.pop('mlp_ratios', (4, 4, 4, 4)),
        )
        if isinstance(downsamples, (tuple, list)) and not all(downsamples[:3]):
            _check_sizes(translation, sizes, 'downsamples')
        translation.put('arch', name_arch(cls.arch_settings, sizes), 'layers, embed_dims')
        translation.put_default('layer_scale_init_value', 1e-5)
        translation.put_default('fork_feat', False)
    elif 'arch' not in arguments:
        raise UserError(
            f'{translation.owner}: no arch is given, expected one of '
            f'{", ".join(cls.arch_settings)}. Add arch, or keep the name of '
            "sail-sg's class, such as type='mmgroupmix.poolformer_s12_feat'."
        )
    translation.put_default('drop_path_rate', 0.0)
    _convert_layer_scale(translation)
    if 'fork_feat' in arguments:
        is_dense = bool(arguments.pop('fork_feat'))
        note = f'fork_feat={is_dense}'
        if is_dense:
            indices = arguments.pop('out_indices', (0, 1, 2, 3))
            is_counted = list_integers(indices) == [0, 2, 4, 6]
            translation.put('out_indices', (0, 1, 2, 3) if is_counted else indices, note)
        else:
            translation.put('out_indices', (3,), note)
            translation.put('final_norm', True, note)


def _convert_layer_scale(translation: Translation) -> None:
    arguments = translation.arguments
    has_scale = arguments.pop('use_layer_scale', True)
    scale = arguments.pop('layer_scale_init_value', None)
    if not has_scale:
        translation.put('layer_scale', 0, 'use_layer_scale=False')
    elif scale is not None:
        _check_layer_scale(translation, 'layer_scale_init_value', scale)
        translation.put('layer_scale', scale, f'layer_scale_init_value={scale!r}')


def _convert_pool_size(translation: Translation) -> None:
    size = translation.arguments.pop('pool_size', 3)
    if size != 3:
        mixer = dict(type='Pooling', pool_size=size)
        translation.put('token_mixers', mixer, f'pool_size={size!r}')


def _check_sizes(translation: Translation, sizes: Mapping[str, Any], name: str) -> None:
    """Refuse sizes for which the other classes build no downsampling, or none of ours."""
    dims = sizes.get('embed_dims')
    if isinstance(dims, (tuple, list)) and any(a == b for a, b in pairwise(dims)):
        translation.refuse(
            name,
            dims,
            'another width in each stage',
            'between stages of equal width, that class does not change the resolution, '
            'while every stage here halves it.',
        )
    if 'layer_scale' in sizes:
        _check_layer_scale(translation, 'layer_scale_init_value', sizes['layer_scale'])


def _check_layer_scale(translation: Translation, name: str, scale: object) -> None:
    if scale == 0:
        translation.refuse(
            name,
            scale,
            'another number than 0',
            '0 is a factor that starts at 0 there, and no layer scale at all here. Give '
            'a small number, such as 1e-6.',
        )
