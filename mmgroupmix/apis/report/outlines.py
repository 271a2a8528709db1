"""Masks as polygons, as SVG writes them."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

#: A vertex is dropped if the outline moves by less than this share of the image.
TOLERANCE = 0.002


def trace_mask(mask: Any) -> list[str]:
    """The outlines of a mask.

    Args:
        mask (Tensor | np.ndarray | Mapping): (H, W), or run-length encoded.

    Returns:
        list[str]: One for each part, as 'x,y x,y x,y'.
    """
    if isinstance(mask, Mapping):
        from pycocotools import mask as coding

        if isinstance(mask['counts'], list):
            mask = coding.frPyObjects(dict(mask), *mask['size'])
        mask = coding.decode(mask)
    pixels = np.ascontiguousarray(np.asarray(mask), np.uint8)
    contours, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    tolerance = TOLERANCE * max(pixels.shape)
    simple = (cv2.approxPolyDP(contour, tolerance, True) for contour in contours)
    return [
        ' '.join(f'{x},{y}' for x, y in outline[:, 0].tolist())
        for outline in simple
        if len(outline) > 2
    ]


def trace_label(instance: Mapping) -> list[str]:
    """The outlines of a labelled object, none if it has a box only."""
    mask = instance.get('mask')
    if not mask:
        return []
    if isinstance(mask, Mapping):
        return trace_mask(mask)
    return [
        ' '.join(f'{x:.1f},{y:.1f}' for x, y in np.reshape(polygon, (-1, 2)).tolist())
        for polygon in mask
    ]
