"""Arguments of the published GroupMixFormer (AILab-CVC/GroupMixFormer)."""

from collections.abc import Mapping
from typing import Any

from .translation import (
    KEEP_ADVICE,
    Converted,
    Fixed,
    Ignored,
    Renamed,
    Rule,
    Translation,
    name_arch,
)

_ORIGIN = 'the published GroupMixFormer'
_UNUSED = 'the published class does not use it either'

GROUPMIXFORMER_RULES: dict[str, Rule] = dict(
    in_dim=Renamed('in_channels'),
    embedding_dims=Converted(('arch',)),
    serial_depths=Converted(('arch',)),
    mlp_ratios=Converted(('arch',)),
    return_interm_layers=Converted(('out_indices', 'final_norm')),
    num_stages=Fixed(4, f'there are always four stages. {KEEP_ADVICE}'),
    num_heads=Fixed(
        8, f'Group-Mix Attention has eight heads, two per branch. {KEEP_ADVICE}'
    ),
    qkv_bias=Fixed(True, f'the projection of q, k and v has a bias. {KEEP_ADVICE}'),
    qk_scale=Fixed(None, f'attention is scaled by (C/8)^-0.5. {KEEP_ADVICE}'),
    drop_rate=Fixed(
        0,
        'blocks have no dropout; drop_path_rate is stochastic depth, and is honoured. '
        + KEEP_ADVICE,
    ),
    norm_layer=Fixed(
        'LayerNorm(eps=1e-06)', f'blocks have a layer norm with eps=1e-6. {KEEP_ADVICE}'
    ),
    num_classes=Ignored('it belongs to the head'),
    attn_drop_rate=Ignored(_UNUSED),
    patch_size=Ignored(_UNUSED),
    out_features=Ignored(_UNUSED),
)
#: Defaults of the published class, an architecture of its own: small.
_DEFAULT_SIZES = dict(
    embedding_dims=(80, 160, 320, 320),
    serial_depths=(2, 4, 12, 4),
    mlp_ratios=(4, 4, 4, 4),
)


def translate_groupmixformer(
    cls: Any, given: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Translate arguments of the published GroupMixFormer.

    Args:
        cls (type): Our backbone.
        given (Mapping): Arguments of either.

    Returns:
        tuple[dict, str]: Our arguments, and the line that says what was translated.

    Raises:
        UserError: If an argument has a value that this package cannot honour.
    """
    arguments = dict(given)
    is_flag = isinstance(arguments.get('pretrained'), bool)
    if not is_flag and not any(name in GROUPMIXFORMER_RULES for name in arguments):
        return arguments, ''
    translation = Translation(cls.__name__, _ORIGIN, arguments)
    translation.apply(GROUPMIXFORMER_RULES)
    if is_flag:
        if arguments.pop('pretrained'):
            reason = (
                'the published class ignores it and starts from random weights. Name the '
                "file by init_cfg=dict(type='Pretrained', checkpoint=...), or set it to "
                'None.'
            )
            translation.refuse('pretrained', True, 'the path of a file or None', reason)
        translation.ignored.append('pretrained=False')
    names = dict(
        embedding_dims='embed_dims', serial_depths='depths', mlp_ratios='mlp_ratios'
    )
    if 'arch' not in arguments or any(name in arguments for name in names):
        sizes = {
            ours: arguments.pop(theirs, _DEFAULT_SIZES[theirs])
            for theirs, ours in names.items()
        }
        arch = name_arch(cls.arch_settings, sizes)
        translation.put('arch', arch, ', '.join(names))
        translation.put_default('return_interm_layers', False)
        translation.put_default('drop_path_rate', 0.2)
    if 'return_interm_layers' in arguments:
        _choose_outputs(translation, bool(arguments.pop('return_interm_layers')))
    return translation.arguments, translation.format_line()


def _choose_outputs(translation: Translation, is_dense: bool) -> None:
    """Return all maps, or what the published classifier passes to its head."""
    note = f'return_interm_layers={is_dense}'
    if is_dense:
        translation.arguments.setdefault('out_indices', (0, 1, 2, 3))
        translation.same.append(note)
    else:
        translation.put('out_indices', (3,), note)
        translation.put('final_norm', True, note)
