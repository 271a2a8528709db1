"""Key maps of PoolFormer checkpoints: the paper's, timm's, mmpretrain's, Hugging Face's.

All of them store the MLP's linear layers as 1x1 convolutions. The paper's files (and
mmpretrain's) number stages and embeddings in one list, ``network``, so that the position
embedding of a hybrid model shifts the entries after it.
"""

import re
from collections.abc import Mapping

from torch import Tensor

#: One key per naming scheme, which every file in it has and no other model does.
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
        # the paper's and mmpretrain's; `convert` has resolved `network` before
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
    """Translate published names and layouts to ours.

    The classifier becomes ``head.fc.*``. A key that the published models do not have
    keeps its name.
    """
    prefixes = _resolve_network(published)
    ours = {}
    for key, value in published.items():
        network = _NETWORK.match(key)
        if network:
            key = prefixes[network[1]] + network[2].removeprefix('proj.')
        if key.endswith('.pos_embed'):  # (1, C, H, W)
            key = key.replace('.pos_embed', '.embedding')
            value = value.permute(0, 2, 3, 1)
        if '.mlp.fc' in key or '.output.conv' in key:
            value = value.flatten(1) if value.dim() == 4 else value
        ours[_rename(key)] = value
    return _separate_final_norm(ours)


def _resolve_network(published: Mapping[str, Tensor]) -> dict[str, str]:
    """Find our prefix for each entry of the list ``network``, by its number."""
    first_names: dict[str, str] = {}
    for key in published:
        if match := _NETWORK.match(key):
            first_names.setdefault(match[1], match[2])
    prefixes, stage = {}, 0
    for number in sorted(first_names, key=int):
        if first_names[number].startswith('proj.'):
            stage += 1
            prefixes[number] = f'stages.{stage}.embedding.'
        elif first_names[number] == 'pos_embed':
            prefixes[number] = f'stages.{stage}.position_embedding.'
        else:
            prefixes[number] = f'stages.{stage}.blocks.'
    return prefixes


def _separate_final_norm(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the norm before mmpretrain's classifier, stored as the last stage's.

    It keeps that name too: mmpretrain's detectors and segmentors start from it.
    """
    last = 'out_norms.3.'
    if any(k.startswith('out_norms.') and not k.startswith(last) for k in ours):
        return ours  # a detector or segmentor, with one norm per stage
    final = {
        key.replace(last, 'final_norm.'): value
        for key, value in ours.items()
        if key.startswith(last)
    }
    return ours | final


def _rename(key: str) -> str:
    for pattern, replacement in _RENAMES:
        if pattern.match(key):
            return pattern.sub(replacement, key)
    return key
