"""Arguments of the published EAMLP, the class T2T_ViT of MenghaoGuo/EANet."""

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

_ORIGIN = 'the published EAMLP (T2T_ViT)'
_UNUSED = 'external attention has no q and k, so the published class does not use it'
_NO_DROPOUT = (
    f'blocks have no dropout; t2t_drop_rate and drop_path_rate exist. {KEEP_ADVICE}'
)

EAMLP_RULES: dict[str, Rule] = dict(
    in_chans=Renamed('in_channels'),
    tokens_type=Converted(('t2t', 't2t_drop_rate')),
    embed_dim=Converted(('arch',)),
    depth=Converted(('arch',)),
    num_heads=Converted(('arch',)),
    mlp_ratio=Converted(('arch',)),
    token_dim=Fixed(
        64, f'the tokens of the tokens-to-token module have 64. {KEEP_ADVICE}'
    ),
    drop_rate=Fixed(0, _NO_DROPOUT),
    attn_drop_rate=Fixed(0, _NO_DROPOUT),
    norm_layer=Fixed('LayerNorm', f'mlp_norm_cfg sets that of the MLPs. {KEEP_ADVICE}'),
    qkv_bias=Ignored(_UNUSED),
    qk_scale=Ignored(_UNUSED),
    pretrained=Fixed(
        False, "name the file by init_cfg=dict(type='Pretrained', checkpoint=...)."
    ),
    num_classes=Ignored('it belongs to the head'),
)
#: Our sizes by the published names, with the published defaults.
_SIZES = dict(
    embed_dim=('embed_dims', 768),
    depth=('depth', 12),
    num_heads=('num_heads', 12),
    mlp_ratio=('mlp_ratio', 4.0),
)


def translate_eamlp(cls: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Translate arguments of the published EAMLP.

    Args:
        cls (type): Our backbone.
        given (Mapping): Arguments of either.

    Returns:
        tuple[dict, str]: Our arguments, and the line that says what was translated.

    Raises:
        UserError: If an argument has a value that this package cannot honour.
    """
    arguments = dict(given)
    if not any(name in EAMLP_RULES for name in arguments):
        return arguments, ''
    translation = Translation(cls.__name__, _ORIGIN, arguments)
    translation.apply(EAMLP_RULES)
    if 'arch' not in arguments or any(name in arguments for name in _SIZES):
        sizes = {
            ours: arguments.pop(theirs, default)
            for theirs, (ours, default) in _SIZES.items()
        }
        arch = name_arch(cls.arch_settings, sizes)
        translation.put('arch', arch, ', '.join(_SIZES))
        translation.put_default('drop_path_rate', 0.0)
    if 'tokens_type' in arguments:
        _convert_tokens_type(translation, arguments.pop('tokens_type'))
    return translation.arguments, translation.format_line()


def _convert_tokens_type(translation: Translation, kind: object) -> None:
    """Convert the kind of tokens-to-token module.

    Under the names 'performer' and 'transformer', the published EAMLP computes external
    attention, with and without dropout.
    """
    note = f'tokens_type={kind!r}, which is external attention in the published EAMLP,'
    if kind not in ('performer', 'transformer'):
        translation.refuse(
            'tokens_type',
            kind,
            "'performer' or 'transformer'",
            "both are external attention there. t2t='performer' is a true performer.",
        )
    translation.put('t2t', 'external_attention', note)
    if kind == 'transformer':
        translation.put('t2t_drop_rate', 0.0, note)
