"""Key map of the published EAMLP checkpoints.

They use the names of T2T-ViT's code, plus those of the external attentions. Position
embeddings are stored in the files although they are fixed; ours are computed for any
image size.
"""

import re
from collections.abc import Callable, Mapping

from torch import Tensor

#: A key of the token mixer or of the tokens-to-token module; the paper mixes the two.
SIGNATURES = (
    'blocks.0.attn.trans_dims.weight',
    'tokens_to_token.attention1.attn.linear_0.weight',
)

_LAYERS = {
    'trans_dims': 'expand',
    'q_linear': 'reduce',
    'linear_0': 'memory_key',
    'linear_1': 'memory_value',
}

Replacement = str | Callable[[re.Match[str]], str]

#: Applied one after another.
_RENAMES: list[tuple[re.Pattern[str], Replacement]] = [
    (
        re.compile(r'^tokens_to_token\.attention([12])\.'),
        lambda match: f'tokens_to_token.encoders.{int(match[1]) - 1}.',
    ),
    (
        re.compile(r'^(tokens_to_token\.encoders\.\d\.)attn\.(\w+)'),
        lambda match: f'{match[1]}attention.{_LAYERS.get(match[2], match[2])}',
    ),
    (
        re.compile(r'^(blocks\.\d+\.)attn\.(\w+)'),
        lambda match: f'{match[1]}token_mixer.{_LAYERS.get(match[2], match[2])}',
    ),
    (re.compile(r'^norm\.'), 'final_norm.'),
    (re.compile(r'^head\.(weight|bias)$'), r'head.fc.\1'),
]


def convert(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate published names to ours.

    The classifier becomes ``head.fc.*``. The position embeddings become
    ``position.table``, (1 + N, C), which :class:`EAMLP` compares with the values that it
    computes. A key that the published models do not have keeps its name.
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
