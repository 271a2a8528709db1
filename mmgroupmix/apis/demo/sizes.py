"""Image sizes of a demo: all of a config's sizes, scaled by one common factor."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from ..config.tree import (
    SIZE_KEYS,
    SLIDING_WINDOW_KEYS,
    iter_numbers,
    iter_sizes,
    type_name,
)
from ..tasks import Task
from .data import LOADERS
from .images import get_in_channels

#: The model's input is a multiple of this.
MULTIPLE = 32
#: Sizes up to this are ratios ((0.8, 1.2) of InstaBoost, (0.8, 0.8) of a relative crop).
LARGEST_RATIO = 8
#: Some pipelines write 'no limit' as a huge number.
SMALLEST_UNLIMITED = 1e5
#: Parts of a config, next to the model, that contain image sizes.
SIZED_PARTS = (*LOADERS, 'tta_pipeline', 'data_preprocessor', 'custom_hooks')


def shrink_sizes(cfg: Config, task: Task) -> tuple[str, int]:
    """Scale all image sizes to those of a demo, in place, if the model supports it.

    Args:
        cfg (Config): The config, with nothing to download.
        task (Task): Its task.

    Returns:
        tuple[str, int]: The change, for the user, and the batch size that goes with it.
    """
    demo = task.demo
    old = largest_train_side(cfg.get('train_dataloader'))
    if old is None or old <= demo.side:
        return 'unchanged', demo.batch_size
    change = shrink_to(cfg, task, demo.side)
    if change is None:
        reason = f'unchanged, since this model works at {old:g} px only'
        return reason, demo.full_size_batch_size
    return change, demo.batch_size


def shrink_to(cfg: Config, task: Task, side: int) -> str | None:
    """Scale all image sizes by one factor, in place, if the model supports that.

    Args:
        cfg (Config): The config, with nothing to download.
        task (Task): Its task.
        side (int): The largest side that the training pipeline will feed the model, in
            pixels, smaller than it does.

    Returns:
        str | None: The change, for the user; None if the model works at its size only.
    """
    old = largest_train_side(cfg.get('train_dataloader'))
    assert old is not None, 'the pipeline has no size'
    rounded = max(round(old / MULTIPLE), 1) * MULTIPLE
    if not supports_size(cfg, task, side, rounded):
        return None
    factor = side / old
    before = _train_sizes(cfg)
    for name in SIZED_PARTS:
        if cfg.get(name):
            cfg[name] = shrink(cfg[name], factor)
    model = cfg.model
    if model.get('data_preprocessor'):
        model['data_preprocessor'] = shrink(model['data_preprocessor'], factor)
    if any(iter_sizes(model.get('test_cfg'), keys=SLIDING_WINDOW_KEYS)):
        model['test_cfg'] = shrink(model['test_cfg'], factor)
    pairs = dict(zip(before, _train_sizes(cfg)))
    listed = ', '.join(f'{old} -> {new}' for old, new in pairs.items())
    return f'all times {factor:.3g} ({listed})'


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


def supports_size(cfg: Config, task: Task, small: int, original: int) -> bool:
    """Whether the model works on images of the smaller size.

    Some architectures are bound to one size (absolute positions, window sizes, linear
    layers over a flattened map). Trying it on random pixels tells.

    Args:
        cfg (Config): The config, with nothing to download.
        task (Task): Its task.
        small (int): Side of the image to try, in pixels.
        original (int): Side that the config was written for.

    Returns:
        bool: False only if the model fails on ``small`` and works on ``original``.
    """
    with DefaultScope.overwrite_default_scope(task.toolbox):
        # Building a detector writes into its config.
        settings = deepcopy(cfg.model)
        if cfg.get('data_preprocessor') and not settings.get('data_preprocessor'):
            settings['data_preprocessor'] = cfg.data_preprocessor
        # The run itself logs what building a model does, and reports one that cannot be.
        try:
            with silenced_log():
                model = revert_sync_batchnorm(MODELS.build(settings))
        except Exception:
            return True
    num_channels = get_in_channels(cfg, task.toolbox) or 3
    for side, answer in ((small, True), (original, False)):
        try:
            with torch.no_grad():
                task.probe(model, torch.rand(2, num_channels, side, side))
            return answer
        except Exception:
            continue  # it is bound to another size, or fails on images alone
    return True


@contextmanager
def silenced_log() -> Iterator[None]:
    """Leave out what is logged that is not a warning."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _train_sizes(cfg: Config) -> list[str]:
    """The sizes in the training pipeline and of the sliding window, for the user."""
    sizes = [
        f'{type_name(transform)} {value}'
        for _, transform, _, value in iter_sizes(cfg.get('train_dataloader'))
    ]
    window = cfg.model.get('test_cfg') or {}
    if window.get('crop_size'):
        sizes.append(f'window {window["crop_size"]}')
    return [text if len(text) < 60 else f'{text[:57]}...' for text in sizes]


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
