"""Key maps of Point Cloud Transformer (PCT) checkpoints.

The published networks have 1x1 convolutions where ours have linear layers. Their query
and key convolutions share one weight, which a file holds under both names.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_ATTENTION = [
    (r'sa(\d)\.trans_conv\.', lambda match: f'attention.{int(match[1]) - 1}.out.linear.'),
    (r'sa(\d)\.after_norm\.', lambda match: f'attention.{int(match[1]) - 1}.out.norm.'),
    (r'sa(\d)\.k_conv\.', lambda match: f'attention.{int(match[1]) - 1}.query_key.'),
    (r'sa(\d)\.v_conv\.', lambda match: f'attention.{int(match[1]) - 1}.value.'),
]
_FUSE = [(r'conv_fuse\.0\.', 'fuse.linear.'), (r'conv_fuse\.1\.', 'fuse.norm.')]


def _in_layers(published: str, ours: str) -> list[tuple[str, Any]]:
    """Names of two convolutions with norms, conv1, bn1, conv2 and bn2."""
    return [
        (
            rf'{published}{kind}([12])\.',
            lambda match, name=name: f'{ours}.{int(match[1]) - 1}.{name}.',
        )
        for kind, name in (('conv', 'linear'), ('bn', 'norm'))
    ]


_CLASSIFIER = [
    *_in_layers('', 'embedding'),
    *_in_layers(r'gather_local_0\.', 'group1.mlp'),
    *_in_layers(r'gather_local_1\.', 'group2.mlp'),
    *_in_layers(r'pt_last\.', 'mlp'),
    *((r'pt_last\.' + pattern, name) for pattern, name in _ATTENTION),
    *_FUSE,
    (r'linear1\.', 'hidden1.linear.'),
    (r'bn6\.', 'hidden1.norm.'),
    (r'linear2\.', 'hidden2.linear.'),
    (r'bn7\.', 'hidden2.norm.'),
    (r'linear3\.', 'fc.'),
]
_SEGMENTOR = [
    *_in_layers('', 'embedding'),
    *_ATTENTION,
    *_FUSE,
    (r'label_conv\.0\.', 'category.linear.'),
    (r'label_conv\.1\.', 'category.norm.'),
    (r'convs([12])\.', r'hidden\1.linear.'),
    (r'bns([12])\.', r'hidden\1.norm.'),
    (r'convs3\.', 'fc.'),
]
_QUERY = re.compile(r'((?:pt_last\.)?sa\d\.)q_conv\.weight')


def convert_pct(published: Mapping[str, Any], is_classifier: bool) -> dict[str, Tensor]:
    """Translate published names and shapes to ours.

    Args:
        published (Mapping): Names to tensors. A name that the published networks do not
            have is kept, so that our own files pass unchanged.
        is_classifier (bool): Whether it is the classifier, or the segmentor of parts.

    Returns:
        dict[str, Tensor]: Ours.
    """
    table = _CLASSIFIER if is_classifier else _SEGMENTOR
    ours: dict[str, Tensor] = {}
    for key, value in published.items():
        if query := _QUERY.fullmatch(key):
            twin = f'{query[1]}k_conv.weight'
            if twin in published:
                continue  # the published code reads the keys' last, into the same weight
            key = twin
        for pattern, name in table:
            renamed, number = re.subn(f'^{pattern}', name, key)
            if number:
                key, value = renamed, _to_linear(value)
                break
        ours[key] = value
    return ours


def _to_linear(value: Any) -> Any:
    """The weight of a 1x1 convolution as that of a linear layer."""
    is_convolution = isinstance(value, Tensor) and value.ndim == 3 and value.shape[2] == 1
    return value.squeeze(2) if is_convolution else value
