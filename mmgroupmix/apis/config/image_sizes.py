"""Shrinking every size of a config by one common factor, for a demo."""

import math
from collections.abc import Mapping

from .tree import SIZE_KEYS, iter_numbers, iter_sizes, type_name

MULTIPLE = 32
# Sizes up to this are ratios ((0.8, 1.2) of InstaBoost, (0.8, 0.8) of a relative crop).
LARGEST_RATIO = 8
# Some pipelines write 'no limit' as a huge number.
SMALLEST_LIMITLESS = 1e5


def largest_train_side(loader):
    """The side in pixels of what a training pipeline feeds the model, at most.

    Crops say it; without a crop, the scales do. Of a scale such as (2048, 512) the
    short side binds; mini images are no longer than 5/3 of their width.

    Args:
        loader (dict): The config's ``train_dataloader``.

    Returns:
        float or None: None if the pipeline has no size at all.
    """
    crops, scales = [], []
    for _, transform, key, value in iter_sizes(loader):
        for size in _single_sizes(key, value):
            if max(size) <= LARGEST_RATIO:
                continue
            if _is_crop(transform, key):
                crops.append(max(size))
            else:
                scales.append(min(max(size), 5 / 3 * min(size)))
    return max(crops or scales, default=None)


def shrink(node, factor):
    """A copy of part of a config with all its sizes scaled.

    Args:
        node (dict | list | Any): Pipeline, data loader, data preprocessor or test_cfg.
        factor (float): At most 1.

    Returns:
        dict | list | Any: The copy. What a model is fed becomes a multiple of 32 of
        at least 32; other sizes (of the image before the crop) become multiples of 8.
    """
    if isinstance(node, (list, tuple)):
        return type(node)(shrink(child, factor) for child in node)
    if not isinstance(node, Mapping):
        return node
    copy = {}
    for key, value in node.items():
        if key in SIZE_KEYS and not isinstance(value, Mapping):
            step = MULTIPLE if _is_fed_to_model(node, key) else 8
            copy[key] = _scaled(value, factor, step)
        elif key == 'stride' and 'crop_size' in node:
            # Windows must still overlap as they did, not jump over pixels.
            copy[key] = _scaled(value, factor, 1)
        elif key == 'border' and type_name(node) == 'RandomAffine':
            # Minus half a mosaic: a negative size that goes with img_scale.
            copy[key] = tuple(
                -_rounded(-2 * side * factor, MULTIPLE) // 2 for side in value
            )
        elif key == 'size_divisor' and isinstance(value, int) and value > 2 * MULTIPLE:
            # Used by some segmentors to pad to one fixed size.
            copy[key] = _rounded(value * factor, MULTIPLE)
        else:
            copy[key] = shrink(value, factor)
    return copy


def _scaled(value, factor, step):
    if isinstance(value, (list, tuple)):
        if max(iter_numbers(value), default=0) <= LARGEST_RATIO:
            return value
        return type(value)(_scaled(item, factor, step) for item in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if not LARGEST_RATIO < value < SMALLEST_LIMITLESS:
        return value
    return _rounded(value * factor, step)


def _rounded(number, step):
    lowest = MULTIPLE if step > 1 else 1
    return max(math.floor(number / step + 0.5) * step, lowest)


def _single_sizes(key, value):
    """An int, a pair or a list of either, as a list of pairs or single numbers."""
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(item, (list, tuple)) for item in value)
        if nested or key in ('scales', 'random_sizes'):
            return [tuple(iter_numbers(item)) for item in value]
    return [numbers] if (numbers := tuple(iter_numbers(value))) else []


def _is_crop(transform, key):
    return key == 'crop_size' or 'Crop' in type_name(transform)


def _is_fed_to_model(transform, key):
    if key not in ('scale', 'scales', 'max_size'):
        return True
    name = type_name(transform)
    return 'Crop' in name or (name == 'Resize' and not transform.get('keep_ratio'))
