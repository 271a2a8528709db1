"""Names and layout of PoolFormer checkpoints: the paper's, three libraries', and ours.

All of them hold the MLP's linear layers as 1x1 convolutions. The paper's files (and
mmpretrain's) count stages and embeddings in one list, ``network``, so that the hybrids'
position embeddings shift what follows them.
"""

import re
from collections.abc import Mapping

from torch import Tensor

NAME = 'PoolFormer'
#: One key for each scheme of names, which every file in it has and no other model.
SIGNATURES = (
    'network.0.0.norm1.weight',  # the paper's, mmpretrain's
    'stages.0.blocks.0.layer_scale1.scale',  # timm's
    'poolformer.encoder.block.0.0.before_norm.weight',  # Hugging Face's classifier
    'encoder.block.0.0.before_norm.weight',  # and backbone
)

_BLOCK = r'(?:poolformer\.)?encoder\.block\.(\d+)\.(\d+)\.'
_EMBEDDING = r'(?:poolformer\.)?encoder\.patch_embeddings\.'
_OUR_BLOCK = r'stages.\1.blocks.\2.'
_RENAMES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # the paper's and mmpretrain's, whose `network` is placed before
        (r'patch_embed\.proj\.', 'stem.'),
        (r'(stages\.\d+\.blocks\.\d+\.)layer_scale_([12])$', r'\1layer_scale\2'),
        (r'norm([0246])\.', lambda match: f'out_norms.{int(match[1]) // 2}.'),
        (r'head\.(weight|bias)$', r'head.fc.\1'),
        # timm's
        (r'stem\.conv\.', 'stem.'),
        (r'stages\.(\d+)\.downsample\.conv\.', r'stages.\1.embedding.'),
        (r'(stages\.\d+\.blocks\.\d+\.layer_scale[12])\.scale$', r'\1'),
        (r'head\.norm\.', 'final_norm.'),
        # Hugging Face's
        (_EMBEDDING + r'0\.projection\.', 'stem.'),
        (_EMBEDDING + r'(\d+)\.projection\.', r'stages.\1.embedding.'),
        (_BLOCK + r'layer_scale_([12])$', _OUR_BLOCK + r'layer_scale\3'),
        (_BLOCK + r'before_norm\.', _OUR_BLOCK + 'norm1.'),
        (_BLOCK + r'after_norm\.', _OUR_BLOCK + 'norm2.'),
        (_BLOCK + r'output\.conv([12])\.', _OUR_BLOCK + r'mlp.fc\3.'),
        (r'classifier\.', 'head.fc.'),
        # several
        (r'norm\.', 'final_norm.'),
    )
]
_NETWORK = re.compile(r'network\.(\d+)\.(.*)')


def convert(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published names and layout in, ours out; the classifier as ``head.fc.*``.

    A key that the published models do not have keeps its name.
    """
    places = _places_of(published)
    ours = {}
    for key, value in published.items():
        network = _NETWORK.match(key)
        if network:
            key = places[network[1]] + network[2].removeprefix('proj.')
        if key.endswith('.pos_embed'):  # (1, C, H, W)
            key = key.replace('.pos_embed', '.embedding')
            value = value.permute(0, 2, 3, 1)
        if '.mlp.fc' in key or '.output.conv' in key:
            value = value.flatten(1) if value.dim() == 4 else value
        ours[_rename(key)] = value
    return _classifier_norm_apart(ours)


def _places_of(published: Mapping[str, Tensor]) -> dict[str, str]:
    """Where each entry of the list ``network`` is in ours: its prefix by its number."""
    inside = {}
    for key in published:
        if match := _NETWORK.match(key):
            inside.setdefault(match[1], match[2])
    places, stage = {}, 0
    for number in sorted(inside, key=int):
        if inside[number].startswith('proj.'):
            stage += 1
            places[number] = f'stages.{stage}.embedding.'
        elif inside[number] == 'pos_embed':
            places[number] = f'stages.{stage}.position_embedding.'
        else:
            places[number] = f'stages.{stage}.blocks.'
    return places


def _classifier_norm_apart(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """mmpretrain keeps the classifier's norm as the last stage's, and has no other."""
    last = 'out_norms.3.'
    if any(k.startswith('out_norms.') and not k.startswith(last) for k in ours):
        return ours
    return {k.replace(last, 'final_norm.'): v for k, v in ours.items()}


def _rename(key: str) -> str:
    for pattern, replacement in _RENAMES:
        if pattern.match(key):
            return pattern.sub(replacement, key)
    return key
