"""How a state dict differs from what a model expects, in one readable line."""

from collections import Counter
from collections.abc import Mapping

from torch import Tensor


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
        _grouped('Missing', [
            k for k in expected if k not in given and not is_counter(k)]),
        _grouped('Left over', [k for k in given if k not in expected]),
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


def with_fresh_norms(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What is given; with the model's own output norms, if it has none of them.

    Published classifiers have none: dense prediction starts its norms afresh.
    """
    if any(is_output_norm(key) for key in given):
        return dict(given)
    return {k: v for k, v in expected.items() if is_output_norm(k)} | dict(given)


def _grouped(title: str, keys: list[str]) -> str:
    """'Missing: 40 tensors in stages.0 (30), stem (10).'"""
    if not keys:
        return ''
    if len(keys) <= 3:
        return f'{title}: {", ".join(keys)}.'
    groups = Counter(
        '.'.join(key.split('.')[:2]) if key.startswith('stages') else key.split('.')[0]
        for key in keys)
    listed = ', '.join(f'{name} ({count})' for name, count in groups.most_common(8))
    more = ', ...' if len(groups) > 8 else ''
    return f'{title}: {len(keys)} tensors in {listed}{more}.'
