"""Key map of the published GroupMixFormer checkpoints.

Two layouts differ in addition to the names. The rows of the published ``qkv`` are q, k
and v with five segments each; ours are five segments with q, k and v each. The published
position term has one convolution per kernel size, over two, three and three heads; ours
has one per head.
"""

import re
from collections.abc import Mapping

from torch import Tensor

#: A key that every published file has and no other model does.
SIGNATURES = ('patch_embed_layers.0.proj.conv1.weight',)

_BLOCK = r'groupmixformer_backbone\.(\d+)\.gma_stage\.(\d+)\.'
_OUR_BLOCK = r'stages.\1.blocks.\2.'
_AGGREGATOR = _BLOCK + r'att\.aggregator\.'
_RENAMES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r'conv_stem\.proj1\.', 'stem.0.conv.'),
        (r'conv_stem\.norm1\.', 'stem.0.norm.'),
        (r'conv_stem\.proj2\.', 'stem.1.conv.'),
        (r'conv_stem\.norm2\.', 'stem.1.norm.'),
        (
            r'patch_embed_layers\.(\d)\.proj\.conv1\.',
            r'stages.\1.embedding.conv.depthwise.',
        ),
        (
            r'patch_embed_layers\.(\d)\.proj\.pointwise_conv\.',
            r'stages.\1.embedding.conv.pointwise.',
        ),
        (r'patch_embed_layers\.(\d)\.norm\.', r'stages.\1.embedding.norm.'),
        (_BLOCK + r'cpe\.proj\.', _OUR_BLOCK + 'position_encoding.conv.'),
        (_BLOCK + r'(norm[12]|mlp\.fc[12])\.', _OUR_BLOCK + r'\3.'),
        (_BLOCK + r'att\.(qkv|proj)\.', _OUR_BLOCK + r'token_mixer.\3.'),
        (
            _AGGREGATOR + r'agg0\.conv\.conv1\.',
            _OUR_BLOCK + 'token_mixer.non_attention.aggregator.depthwise.',
        ),
        (
            _AGGREGATOR + r'agg0\.conv\.pointwise_conv\.',
            _OUR_BLOCK + 'token_mixer.non_attention.aggregator.pointwise.',
        ),
        (_AGGREGATOR + r'agg0\.norm\.', _OUR_BLOCK + 'token_mixer.non_attention.norm.'),
        (_AGGREGATOR + r'norm(\d)\.', _OUR_BLOCK + r'token_mixer.pre_attention.\3.norm.'),
        (
            _AGGREGATOR + r'agg([123])\.conv1\.',
            _OUR_BLOCK + r'token_mixer.pre_attention.\3.aggregator.depthwise.',
        ),
        (
            _AGGREGATOR + r'agg([123])\.pointwise_conv\.',
            _OUR_BLOCK + r'token_mixer.pre_attention.\3.aggregator.pointwise.',
        ),
        (r'norm4\.', 'final_norm.'),
        (r'head\.(weight|bias)$', r'head.fc.\1'),
    )
]
_POSITION = re.compile(_BLOCK + r'att\.crpe\.conv_list\.(\d)\.(weight|bias)$')
#: The (branch, head) pairs that each published position convolution covers.
_POSITION_HEADS = (((0, 0), (0, 1)), ((1, 0), (1, 1), (2, 0)), ((2, 1), (3, 0), (3, 1)))


def convert(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate published names and layouts to ours.

    The classifier becomes ``head.fc.*``. A key that the published models do not have
    keeps its name.
    """
    ours = {}
    for key, value in published.items():
        position = _POSITION.match(key)
        if position:
            stage, block, index, kind = position.groups()
            heads = _POSITION_HEADS[int(index)]
            for (branch, head), part in zip(heads, value.chunk(len(heads))):
                ours[
                    f'stages.{stage}.blocks.{block}.token_mixer.pre_attention.{branch}'
                    f'.position.convs.{head}.{kind}'
                ] = part
            continue
        if '.att.qkv.' in key and len(value) % 15 == 0:
            value = _put_segments_first(value)
        ours[_rename(key)] = value
    return ours


def _rename(key: str) -> str:
    for pattern, replacement in _RENAMES:
        if pattern.match(key):
            return pattern.sub(replacement, key)
    return key


def _put_segments_first(rows: Tensor) -> Tensor:
    """Reorder rows from (q, k, v) x (five segments) to (five segments) x (q, k, v)."""
    return rows.unflatten(0, (3, 5, -1)).transpose(0, 1).flatten(0, 2)
