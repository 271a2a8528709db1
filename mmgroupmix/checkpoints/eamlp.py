"""Names of the published EAMLP checkpoints, and of ours.

They are those of T2T-ViT's code, with the external attentions' own inside. Positions are
stored, but fixed: ours are computed for any size of image.
"""

import re
from collections.abc import Mapping

from torch import Tensor

NAME = 'EAMLP'
#: A key of the token mixer or of the tokens-to-token module; the paper mixes the two.
SIGNATURES = (
    'blocks.0.attn.trans_dims.weight',
    'tokens_to_token.attention1.attn.linear_0.weight',
)

_LAYERS = dict(
    trans_dims='expand', q_linear='reduce', linear_0='memory_key', linear_1='memory_value'
)
#: Applied one after the other.
_RENAMES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r'^tokens_to_token\.attention([12])\.',
            lambda match: f'tokens_to_token.encoders.{int(match[1]) - 1}.',
        ),
        (
            r'^(tokens_to_token\.encoders\.\d\.)attn\.(\w+)',
            lambda match: f'{match[1]}attention.{_LAYERS.get(match[2], match[2])}',
        ),
        (
            r'^(blocks\.\d+\.)attn\.(\w+)',
            lambda match: f'{match[1]}token_mixer.{_LAYERS.get(match[2], match[2])}',
        ),
        (r'^norm\.', 'final_norm.'),
        (r'^head\.(weight|bias)$', r'head.fc.\1'),
    )
]


def convert(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published names in, ours out; the classifier as ``head.fc.*``.

    A key that the published models do not have keeps its name. Positions become
    ``position.table``, (1 + N, C), which :class:`EAMLP` compares with what it computes.
    """
    tensors = dict(published)
    positions = tensors.pop('pos_embed', None)
    ours = {_rename(key): value for key, value in tensors.items()}
    if positions is not None:
        ours['position.table'] = positions.flatten(0, -2)
    return ours


def _rename(key: str) -> str:
    for pattern, replacement in _RENAMES:
        key = pattern.sub(replacement, key)
    return key
