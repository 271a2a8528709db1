"""Comparison of a state dict with the one that a model expects."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

#: The end of the name of a batch norm's counter of batches.
BATCH_COUNTER = 'num_batches_tracked'
#: Parts that dense prediction adds to a published model: they may be newly initialised.
_ADDED_PARTS = re.compile(r'out_norms\.\d+\.|external_attention\.')

#: The arguments of a backbone, and patterns of the tensors that depend on them.
_ARGUMENT_PATTERNS = {
    'aggregators': r'\.token_mixer\.(pre|non)_attention\.',
    'token_mixers': r'\.token_mixer\.',
    'layer_scale': r'\.layer_scale\d$',
    'position_embeddings': r'\.position_embedding\.',
    'mlp_ratios': r'\.mlp\.',
    'in_channels': r'stem\.|tokens_to_token\.encoders\.0\.norm1',
    'norm_cfg': r'\.norm\d\.|out_norms\.|\.running_',
    'final_norm': r'final_norm\.',
    't2t': r'tokens_to_token\.',
}


@dataclass(frozen=True)
class Fit:
    """How a state dict fits a model.

    Attributes:
        tensors (dict[str, Tensor]): The given tensors, and the model's own for the parts
            and batch counters that may be missing.
        new_parts (list[str]): Prefixes of the parts that keep their initial values.
        problems (str): Missing, unexpected and misshapen tensors, grouped, in one line;
            empty if there are none.
    """

    tensors: dict[str, Tensor]
    new_parts: list[str]
    problems: str


def fit_state_dict(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Fit:
    """Complete a state dict for a model, and find out whether it fits.

    Two things may be missing. Published classifiers have neither norms of their stages'
    outputs nor an external attention block, and a detector that uses three stages has
    the norms of three. Files written before PyTorch 0.4 have no batch counters.

    Args:
        expected (Mapping[str, Tensor]): The state dict of the model.
        given (Mapping[str, Tensor]): The state dict to load, in our names.

    Returns:
        Fit: What the model loads, and what does not fit.
    """
    parts = {match[0] for key in expected if (match := _ADDED_PARTS.match(key))}
    new_parts = sorted(p for p in parts if not any(key.startswith(p) for key in given))
    optional = {
        key: value
        for key, value in expected.items()
        if key.startswith(tuple(new_parts)) or key.endswith(BATCH_COUNTER)
    }
    tensors = optional | dict(given)
    shapes = [
        f'{key} {tuple(tensors[key].shape)} instead of {tuple(value.shape)}'
        for key, value in expected.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    groups = {
        'Missing': [key for key in expected if key not in tensors],
        'Unexpected': [key for key in given if key not in expected],
    }
    problems = [_format_group(title, keys) for title, keys in groups.items() if keys]
    if shapes:
        more = f' and {len(shapes) - 3} more' if len(shapes) > 3 else ''
        problems.append(f'Different shape: {", ".join(shapes[:3])}{more}.')
    return Fit(tensors, new_parts, ' '.join(problems))


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
        or (key not in given and not key.endswith(BATCH_COUNTER))
        or (key in given and expected[key].shape != given[key].shape)
    ]
    found = {
        next((k for k, part in _ARGUMENT_PATTERNS.items() if re.search(part, key)), None)
        for key in keys
    }
    if 'token_mixers' in found:
        found.discard('aggregators')  # another mixer has none
    if 'in_channels' in found:
        found.discard('t2t')  # its first layer is as wide as the windows of the image
    return [] if None in found else [name for name in _ARGUMENT_PATTERNS if name in found]


def _format_group(title: str, keys: list[str]) -> str:
    """'Missing: 40 tensors in stages.0 (30), stem (10).'"""
    if len(keys) <= 3:
        return f'{title}: {", ".join(keys)}.'
    groups = Counter(
        '.'.join(key.split('.')[:2]) if key.startswith('stages') else key.split('.')[0]
        for key in keys
    )
    listed = ', '.join(f'{name} ({count})' for name, count in groups.most_common(8))
    more = ', ...' if len(groups) > 8 else ''
    return f'{title}: {len(keys)} tensors in {listed}{more}.'
