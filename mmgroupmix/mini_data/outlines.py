"""Segmentation masks in COCO's notation: polygons where exact, else run lengths."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

Point = tuple[int, int]


def encode_segmentation(mask: np.ndarray) -> list[list[int]] | dict[str, Any]:
    """Encode a mask as COCO's ``segmentation``, from which it is decoded exactly.

    The polygons follow the edges of the pixels and therefore enclose exactly these
    pixels. COCO cannot mark a polygon as a hole, and where pixels touch only at a corner
    the polygon would intersect itself. Such masks are stored as run lengths.

    Args:
        mask (np.ndarray): Mask with at least one pixel, (H, W), bool.

    Returns:
        list[list[int]] | dict: Polygons [x0, y0, x1, y1, ...], one for each connected
        part of the mask, in pixels from the top left corner of the image, or the result
        of :func:`encode_run_lengths`.
    """
    padded = np.pad(mask, 1)
    # The four pixels around each corner of the pixel grid, (H + 1, W + 1) each.
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    touching_at_corner = (
        (upper_left == lower_right)
        & (upper_right == lower_left)
        & (upper_left != upper_right)
    )
    num_components, _ = cv2.connectedComponents(
        (~padded).astype(np.uint8), connectivity=4
    )
    has_hole = num_components > 2  # the mask itself and the region around it
    if has_hole or touching_at_corner.any():
        return encode_run_lengths(mask)
    # The outline turns where an odd number of the four pixels belongs to the mask.
    corners = upper_left ^ upper_right ^ lower_left ^ lower_right
    return _trace_polygons(corners)


def encode_run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask as uncompressed run lengths.

    Args:
        mask (np.ndarray): Mask, (H, W), bool.

    Returns:
        dict: ``size`` [H, W] and ``counts`` (list[int]), the lengths of alternating runs
        down the columns, of which the first consists of zeros.
    """
    flat = mask.ravel(order='F')
    ends = np.flatnonzero(np.diff(flat)) + 1
    if flat[0]:
        ends = np.concatenate([[0], ends])
    bounds = np.concatenate([[0], ends, [flat.size]])
    return dict(size=list(mask.shape), counts=np.diff(bounds).tolist())


def _trace_polygons(corners: np.ndarray) -> list[list[int]]:
    """Connect the corners of axis-aligned outlines that neither cross nor touch.

    Within a row, an edge connects the first corner with the second, the third with the
    fourth and so on, and likewise within a column. Each corner therefore has one
    horizontal and one vertical edge, and following them alternately walks round a
    polygon.

    Args:
        corners (np.ndarray): Corners of the pixel grid, (H + 1, W + 1), bool.

    Returns:
        list[list[int]]: Polygons [x0, y0, x1, y1, ...] with each corner once.
    """
    along_rows: list[Point] = [(x, y) for y, x in np.argwhere(corners).tolist()]
    along_columns: list[Point] = [(x, y) for x, y in np.argwhere(corners.T).tolist()]
    horizontal, vertical = _pair_neighbors(along_rows), _pair_neighbors(along_columns)
    polygons = []
    remaining = dict.fromkeys(along_rows)
    while remaining:
        point = next(iter(remaining))
        polygon: list[int] = []
        while point in remaining:
            turn = horizontal[point]
            del remaining[point], remaining[turn]
            polygon += [*point, *turn]
            point = vertical[turn]
        polygons.append(polygon)
    return polygons


def _pair_neighbors(points: Sequence[Point]) -> dict[Point, Point]:
    """Map the first and the second point to each other, the third and the fourth, etc."""
    pairs = dict(zip(points[::2], points[1::2]))
    return pairs | {second: first for first, second in pairs.items()}
