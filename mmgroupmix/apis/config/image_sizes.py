"""Scaling of every image size in a config by one common factor, for a demo."""

import math
from collections.abc import Mapping
from typing import Any

from .tree import SIZE_KEYS, iter_numbers, iter_sizes, type_name

#: The model's input is a multiple of this.
MULTIPLE = 32
#: Sizes up to this are ratios ((0.8, 1.2) of InstaBoost, (0.8, 0.8) of a relative crop).
LARGEST_RATIO = 8
#: Some pipelines write 'no limit' as a huge number.
SMALLEST_UNLIMITED = 1e5


def largest_train_side(loader: Mapping | None) -> float | None:
    """The largest side that a training pipeline feeds the model, in pixels.

    Crop sizes determine it, or scales where nothing is cropped. Of a scale such as
    (2048, 512) the short side counts: mini images are at most 5/3 as long as wide.

    Args:
        loader (dict, optional): The config's ``train_dataloader``.

    Returns:
        float | None: None if the pipeline has no size at all.
    """
    crops: list[float] = []
    scales: list[float] = []
    for _, transform, key, value in iter_sizes(loader):
        for size in _single_sizes(key, value):
            if max(size) <= LARGEST_RATIO:
                continue
            if key == 'crop_size' or 'Crop' in type_name(transform):
                crops.append(max(size))
            else:
                scales.append(min(max(size), 5 / 3 * min(size)))
    return max(crops or scales, default=None)


def shrink(node: Any, factor: float) -> Any:
    """Copy part of a config with all its sizes scaled.

    Args:
        node (dict | list | Any): Pipeline, data loader, data preprocessor or test_cfg.
        factor (float): At most 1.

    Returns:
        dict | list | Any: The copy. The model's input becomes a multiple of 32 of at
        least 32; other sizes (of the image before the crop) become multiples of 8.
    """
    if isinstance(node, (list, tuple)):
        return type(node)(shrink(child, factor) for child in node)
    if not isinstance(node, Mapping):
        return node
    copy = {}
    for key, value in node.items():
        if key in SIZE_KEYS and not isinstance(value, Mapping):
            step = MULTIPLE if _is_model_input(node, key) else 8
            copy[key] = _scale(value, factor, step)
        elif key == 'stride' and 'crop_size' in node:
            # Windows must overlap as much as before and not skip pixels.
            copy[key] = _scale(value, factor, 1)
        elif key == 'border' and type_name(node) == 'RandomAffine':
            # Minus half a mosaic: a negative size that follows img_scale.
            copy[key] = tuple(
                -_round(-2 * side * factor, MULTIPLE) // 2 for side in value
            )
        elif key == 'size_divisor' and isinstance(value, int) and value > 2 * MULTIPLE:
            # Some segmentors use it to pad to one fixed size.
            copy[key] = _round(value * factor, MULTIPLE)
        else:
            copy[key] = shrink(value, factor)
    return copy


def _scale(value: Any, factor: float, step: int) -> Any:
    if isinstance(value, (list, tuple)):
        if max(iter_numbers(value), default=0) <= LARGEST_RATIO:
            return value
        return type(value)(_scale(item, factor, step) for item in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if not LARGEST_RATIO < value < SMALLEST_UNLIMITED:
        return value
    return _round(value * factor, step)


def _round(number: float, step: int) -> int:
    minimum = MULTIPLE if step > 1 else 1
    return max(math.floor(number / step + 0.5) * step, minimum)


def _single_sizes(key: str, value: Any) -> list[tuple[float, ...]]:
    """A size, or a list of sizes, as a list of pairs or single numbers."""
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(item, (list, tuple)) for item in value)
        if nested or key in ('scales', 'random_sizes'):
            return [tuple(iter_numbers(item)) for item in value]
    return [numbers] if (numbers := tuple(iter_numbers(value))) else []


def _is_model_input(transform: Mapping, key: str) -> bool:
    if key not in ('scale', 'scales', 'max_size'):
        return True
    name = type_name(transform)
    return 'Crop' in name or (name == 'Resize' and not transform.get('keep_ratio'))
