"""Checks of what a loading step of a toolbox reads, and of what it returns."""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from ..config.mask_annotations import find_mask_error

#: Modes of grey images that hold more than eight bits.
WIDE_MODES = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')
CHANNELS = {2: ' (grey, alpha)', 3: ' (red, green, blue)', 4: ' (colours, alpha)'}


def find_unsafe_annotation(step: Any, data: Mapping) -> str | None:
    """Find what a loading step cannot read rightly, before it does.

    Args:
        step (Any): The transform.
        data (Mapping): The sample that it is given.

    Returns:
        str | None: What is wrong with the annotation, or None.
    """
    size, listed = data.get('ori_shape'), (data.get('height'), data.get('width'))
    if size is not None and None not in listed and tuple(size[:2]) != listed:
        _warn_once('size')(
            f'{data.get("img_path")} has {size[1]} x {size[0]} pixels, and its '
            f'annotations are for {listed[1]} x {listed[0]}: objects may be in the wrong '
            'place. A photo may be turned by its EXIF orientation, its annotations not'
        )
    if getattr(step, 'with_mask', False):
        for i, instance in enumerate(data.get('instances') or []):
            if 'mask' not in instance:
                return f'object {i} has no mask, and the pipeline loads masks'
            reason = find_mask_error(instance['mask'], size)
            if reason:
                return f'mask of object {i}{reason}'
    return None


def find_odd_label(step: Any, data: Mapping) -> str | None:
    """Find what a loading step would misread in a label map, before it does.

    Args:
        step (Any): The transform.
        data (Mapping): The sample that it is given.

    Returns:
        str | None: What is wrong with the label map, or None.
    """
    path = data.get('seg_map_path')
    if path and _stores_bytes(step) and not getattr(step, 'backend_args', None):
        return find_wide_label(path)
    return None


def find_misfit(step: Any, data: Mapping, is_resized: bool = False) -> str | None:
    """Find what does not fit between an image and the label map that was loaded.

    Args:
        step (Any): The transform that loaded the label map.
        data (Mapping): The sample that it returned.
        is_resized (bool): Whether a later step brings image and label map to one size.
            Defaults to False.

    Returns:
        str | None: What is wrong with the label map, or None.
    """
    labels = data.get('gt_seg_map')
    if type(step).__name__ != 'LoadAnnotations' or not isinstance(labels, np.ndarray):
        return None
    if labels.ndim < 2:  # mmseg removes dimensions of one pixel
        return f'it is one pixel wide or high ({labels.size} in all), which mmseg refuses'
    if labels.ndim != 2:
        channels = CHANNELS.get(labels.shape[-1], '')
        return (
            f'it has {labels.shape[-1]} channels{channels}; a label map has one, with '
            'the number of a class for each pixel. Convert its colours to numbers'
        )
    size = data.get('ori_shape')
    if size is not None and tuple(labels.shape) != tuple(size[:2]):
        if is_resized and labels.shape[0] * size[1] == labels.shape[1] * size[0]:
            return None
        is_turned = tuple(labels.shape) == tuple(size[1::-1])
        return (
            f'it has {labels.shape[1]} x {labels.shape[0]} pixels, and the image '
            f'{data.get("img_path")} has {size[1]} x {size[0]}. '
            + (
                'A photo may be turned by its EXIF orientation, and its label map not'
                if is_turned
                else 'Both must have the same size'
            )
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
                _warn_once('JPEG')(
                    f'the label map {path} is a JPEG file, whose compression changes '
                    'labels; save label maps as PNG'
                )
            if image.mode not in WIDE_MODES:
                return None
            labels = np.asarray(image)
    except Exception:
        return None
    # mmseg turns -1 and 65535 into 255, which is ignored.
    is_label = (labels >= 0) & (labels <= 255) & (labels % 1 == 0)
    invalid = labels[~(is_label | (labels == -1) | (labels == 65535))]
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
def _warn_once(kind: str) -> Callable[[str], None]:
    said: list[str] = []

    def warn(text: str) -> None:
        if not said:
            print(f'warning: {text}', file=sys.stderr, flush=True)
            said.append(text)

    return warn
