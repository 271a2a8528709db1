"""Comparison of a state dict with the one that a model expects."""

import re
from collections import Counter
from collections.abc import Mapping

from torch import Tensor

#: Parts that dense prediction adds to a published model: they may be newly initialised.
_ADDED_PARTS = re.compile(r'out_norms\.\d+\.|external_attention\.')

#: The arguments of a backbone, and patterns of the tensors that depend on them.
_ARGUMENT_PATTERNS = {
    'token_mixers': r'\.token_mixer\.',
    'layer_scale': r'\.layer_scale\d$',
    'position_embeddings': r'\.position_embedding\.',
    'mlp_ratios': r'\.mlp\.',
    'norm_cfg': r'\.norm\d\.|out_norms\.|\.running_',
    'final_norm': r'final_norm\.',
    'in_channels': r'stem\.|tokens_to_token\.encoders\.0\.norm1',
    't2t': r'tokens_to_token\.',
}


def describe_differences(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> str:
    """Describe missing, unexpected and misshapen tensors, grouped, in one line.

    The batch counters of batch norms may be missing: files written before PyTorch 0.4
    have none.

    Args:
        expected (Mapping[str, Tensor]): The state dict of a model.
        given (Mapping[str, Tensor]): The state dict to load into it.

    Returns:
        str: The differences, empty if there are none.
    """
    shapes = [
        f'{key} {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}'
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    missing = [k for k in expected if k not in given and not is_batch_counter(k)]
    parts = [
        _format_group('Missing', missing),
        _format_group('Unexpected', [k for k in given if k not in expected]),
    ]
    if shapes:
        more = f' and {len(shapes) - 3} more' if len(shapes) > 3 else ''
        parts.append(f'Different shape: {", ".join(shapes[:3])}{more}.')
    return ' '.join(part for part in parts if part)


def is_batch_counter(key: str) -> bool:
    """Whether a tensor is the counter of batches of a batch norm."""
    return key.endswith('num_batches_tracked')


def is_output_norm(key: str) -> bool:
    """Whether a tensor, by our names, belongs to a norm of the backbone's outputs."""
    return key.startswith('out_norms.')


def find_newly_initialized(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> list[str]:
    """Find the parts of a model for dense prediction that a file does not have.

    Published classifiers have neither norms of their stages' outputs nor an external
    attention block; a detector that uses three stages has the norms of three.

    Args:
        expected (Mapping[str, Tensor]): The state dict of the model.
        given (Mapping[str, Tensor]): The state dict to load, in our names.

    Returns:
        list[str]: Prefixes of the parts that keep their initial values.
    """
    parts = {match[0] for key in expected if (match := _ADDED_PARTS.match(key))}
    return sorted(p for p in parts if not any(key.startswith(p) for key in given))


def add_newly_initialized(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Complete a state dict with the model's own :func:`find_newly_initialized` parts."""
    parts = tuple(find_newly_initialized(expected, given))
    return {k: v for k, v in expected.items() if k.startswith(parts)} | dict(given)


def find_differing_arguments(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> list[str]:
    """Find the arguments in which two backbones of equal sizes differ.

    Args:
        expected (Mapping[str, Tensor]): The state dict of one.
        given (Mapping[str, Tensor]): The state dict of the other.

    Returns:
        list[str]: Names of arguments; empty if some difference has another cause.
    """
    keys = [
        key
        for key in {**expected, **given}
        if key not in expected
        or (key not in given and not is_batch_counter(key))
        or (key in given and expected[key].shape != given[key].shape)
    ]
    found = {
        next((k for k, part in _ARGUMENT_PATTERNS.items() if re.search(part, key)), None)
        for key in keys
    }
    return [] if None in found else [name for name in _ARGUMENT_PATTERNS if name in found]


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
