"""A mask as COCO writes it: polygons where they are exact, run lengths elsewhere."""

import cv2
import numpy as np


def encode_segmentation(mask):
    """COCO's ``segmentation`` of a mask, from which exactly that mask is decoded.

    A polygon follows the edges of the pixels, so it encloses just these pixels. COCO
    has no way to say that a polygon is a hole, and a polygon through a point where
    pixels touch only by their corners would cross itself: such masks become run
    lengths.

    Args:
        mask (np.ndarray): (H, W), bool, not empty.

    Returns:
        list[list[int]] | dict: Polygons [x0, y0, x1, y1, ...], one for each piece of
        the mask, in pixels from the upper left corner of the image; or uncompressed
        run lengths, ``size`` (H, W) and ``counts`` down the columns, zeros first.
    """
    padded = np.pad(mask, 1)
    # The four pixels around each grid point, (H + 1, W + 1) each.
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    touching = (
        (upper_left == lower_right)
        & (upper_right == lower_left)
        & (upper_left != upper_right)
    )
    regions_outside, _ = cv2.connectedComponents(
        (~padded).astype(np.uint8), connectivity=4
    )
    has_hole = regions_outside - 1 > 1  # OpenCV counts the mask itself, too
    if has_hole or touching.any():
        return run_lengths(mask)
    # The outline turns where an odd number of the four pixels is inside.
    corners = upper_left ^ upper_right ^ lower_left ^ lower_right
    return _polygons(corners)


def run_lengths(mask):
    """Uncompressed run-length encoding.

    Args:
        mask (np.ndarray): (H, W), bool.

    Returns:
        dict: ``size`` [H, W] and ``counts`` (list[int]).
    """
    flat = mask.ravel(order='F')
    ends = np.flatnonzero(np.diff(flat)) + 1
    if flat[0]:
        ends = np.concatenate([[0], ends])
    bounds = np.concatenate([[0], ends, [flat.size]])
    return dict(size=list(mask.shape), counts=np.diff(bounds).tolist())


def _polygons(corners):
    """Link the corners of axis-aligned outlines that neither cross nor touch.

    Along a row, edges join the first corner with the second, the third with the
    fourth and so on; along a column likewise. Each corner so has one horizontal and
    one vertical edge, and following them in turn walks round a polygon.

    Args:
        corners (np.ndarray): Grid points, (H + 1, W + 1), bool.

    Returns:
        list[list[int]]: Polygons [x0, y0, x1, y1, ...], each corner once.
    """
    along_rows = [(x, y) for y, x in np.argwhere(corners).tolist()]
    along_columns = [(x, y) for x, y in np.argwhere(corners.T).tolist()]
    horizontal, vertical = _pair(along_rows), _pair(along_columns)
    polygons = []
    remaining = dict.fromkeys(along_rows)
    while remaining:
        point, polygon = next(iter(remaining)), []
        while point in remaining:
            turn = horizontal[point]
            del remaining[point], remaining[turn]
            polygon += [*point, *turn]
            point = vertical[turn]
        polygons.append(polygon)
    return polygons


def _pair(points):
    """dict: Of points in order, the first and the second map to each other, etc."""
    pairs = dict(zip(points[::2], points[1::2]))
    return {**pairs, **{second: first for first, second in pairs.items()}}
