"""Checks of what a loading step of a toolbox reads, and of what it returns."""

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from .config.mask_annotations import find_mask_error

#: Modes of grey images that hold more than eight bits.
WIDE_MODES = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')
CHANNELS = {2: 'grey and alpha', 3: 'red, green and blue', 4: 'colours and alpha'}


def find_unsafe_annotation(step: Any, data: Mapping) -> str | None:
    """Find what a loading step cannot read rightly, before it does.

    Args:
        step (Any): The transform.
        data (Mapping): The sample that it is given.

    Returns:
        str | None: What is wrong with the annotation, or None.
    """
    if getattr(step, 'with_mask', False):
        for i, instance in enumerate(data.get('instances') or []):
            if 'mask' not in instance:
                return f'object {i} has no mask, and the pipeline loads masks'
            reason = find_mask_error(instance['mask'], data.get('ori_shape'))
            if reason:
                return f'mask of object {i}{reason}'
    path = data.get('seg_map_path')
    if path and _stores_bytes(step) and not getattr(step, 'backend_args', None):
        return find_wide_label(path)
    return None


def find_misfit(step: Any, data: Mapping) -> str | None:
    """Find what does not fit between an image and the label map that was loaded.

    Args:
        step (Any): The transform that loaded the label map.
        data (Mapping): The sample that it returned.

    Returns:
        str | None: What is wrong with the label map, or None.
    """
    labels = data.get('gt_seg_map')
    if type(step).__name__ != 'LoadAnnotations' or not isinstance(labels, np.ndarray):
        return None
    if labels.ndim != 2:
        channels = CHANNELS.get(labels.shape[-1], f'{labels.shape[-1]}')
        return (
            f'it has channels ({channels}); a label map has one channel, with the number '
            'of a class for each pixel. Convert its colours to numbers'
        )
    size = data.get('ori_shape')
    if size is not None and tuple(labels.shape) != tuple(size[:2]):
        return (
            f'it has {labels.shape[1]} x {labels.shape[0]} pixels, and the image '
            f'{data.get("img_path")} has {size[1]} x {size[0]}. A photo may be turned by '
            'its EXIF orientation, while its label map is not'
        )
    return None


def find_wide_label(path: str) -> str | None:
    """Find a label that does not fit into the eight bits that mmseg keeps.

    Args:
        path (str): A label map.

    Returns:
        str | None: The label, or None; also for a file that cannot be read, which the
        loading step will report.
    """
    try:
        with Image.open(path) as image:
            if image.format == 'JPEG':
                _warn_of_jpeg(path)
            if image.mode not in WIDE_MODES:
                return None
            labels = np.asarray(image)
    except Exception:
        return None
    invalid = labels[~((labels >= 0) & (labels <= 255) & (labels % 1 == 0))]
    if not invalid.size:
        return None
    return (
        f'it holds {invalid.flat[0]} ({image.mode}, {labels.dtype}); mmseg reads labels '
        'as integers from 0 to 255'
    )


def _stores_bytes(step: Any) -> bool:
    kind = type(step)
    return kind.__name__ == 'LoadAnnotations' and kind.__module__.startswith('mmseg.')


@cache  # said once per process
def _warn_of_jpeg(path: str) -> None:
    if _warn_of_jpeg.cache_info().misses > 1:
        return
    print(
        f'warning: the label map {path} is a JPEG file, whose compression changes '
        'labels; save label maps as PNG',
        file=sys.stderr,
        flush=True,
    )
