"""How a state dict differs from what a model expects, in one readable line."""

import re
from collections import Counter
from collections.abc import Mapping

from torch import Tensor

#: What dense prediction adds to a published model: parts that may start anew.
_ADDED = re.compile(r'out_norms\.\d+\.|external_attention\.')

#: The arguments of a backbone that its parts, told by their names, come from.
_ARGUMENTS = {
    'token_mixers': r'\.token_mixer\.',
    'layer_scale': r'\.layer_scale\d$',
    'position_embeddings': r'\.position_embedding\.',
    'mlp_ratios': r'\.mlp\.',
    'norm_cfg': r'\.norm\d\.|out_norms\.|\.running_',
    'final_norm': r'final_norm\.',
    'in_channels': r'stem\.|tokens_to_token\.encoders\.0\.norm1',
    't2t': r'tokens_to_token\.',
}


def differences(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Missing, left-over and misshapen tensors, grouped; empty if there are none.

    Batch norm's counters may be missing: files before PyTorch 0.4 have none.
    """
    shapes = [
        f'{key} {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}'
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    parts = [
        _format_group(
            'Missing', [k for k in expected if k not in given and not is_counter(k)]
        ),
        _format_group('Left over', [k for k in given if k not in expected]),
    ]
    if shapes:
        more = f' and {len(shapes) - 3} more' if len(shapes) > 3 else ''
        parts.append(f'Other shape: {", ".join(shapes[:3])}{more}.')
    return ' '.join(part for part in parts if part)


def is_counter(key: str) -> bool:
    """Whether a name is that of a batch norm's counter of batches."""
    return key.endswith('num_batches_tracked')


def is_output_norm(key: str) -> bool:
    """Whether one of our names is of a norm that only dense prediction has."""
    return key.startswith('out_norms.')


def with_newly_initialized(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What is given, and the model's own tensors of :func:`newly_initialized`."""
    parts = tuple(newly_initialized(expected, given))
    return {k: v for k, v in expected.items() if k.startswith(parts)} | dict(given)


def newly_initialized(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> list[str]:
    """The parts, by the start of their names, that dense prediction starts anew.

    Published classifiers have no norms on their stages' maps and no external attention
    block; a detector on three of the maps has the norms of three.
    """
    parts = {match[0] for key in expected if (match := _ADDED.match(key))}
    return sorted(p for p in parts if not any(key.startswith(p) for key in given))


def differing_arguments(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> list[str]:
    """The arguments that two backbones of the same sizes were built with differently."""
    keys = [
        key
        for key in {**expected, **given}
        if key not in expected
        or (key not in given and not is_counter(key))
        or (key in given and expected[key].shape != given[key].shape)
    ]
    found = {
        next((name for name, part in _ARGUMENTS.items() if re.search(part, key)), None)
        for key in keys
    }
    return [] if None in found else [name for name in _ARGUMENTS if name in found]


def _format_group(title: str, keys: list[str]) -> str:
    """'Missing: 40 tensors in stages.0 (30), stem (10).'"""
    if not keys:
        return ''
    if len(keys) <= 3:
        return f'{title}: {", ".join(keys)}.'
    groups = Counter(
        '.'.join(key.split('.')[:2]) if key.startswith('stages') else key.split('.')[0]
        for key in keys
    )
    listed = ', '.join(f'{name} ({count})' for name, count in groups.most_common(8))
    more = ', ...' if len(groups) > 8 else ''
    return f'{title}: {len(keys)} tensors in {listed}{more}.'
