"""A handwritten digit, 8x8 grey values, drawn large."""

import math

import cv2
import numpy as np

# Grey value from which a pixel belongs to the digit, and over how much of the grey
# scale its edge fades: a softened edge, as a lens would give, around an exact mask.
INK_THRESHOLD = 0.5
EDGE_WIDTH = 0.12
# Blots smaller than this share of the digit are an artefact of the threshold.
MIN_SPECK_SHARE = 0.05
MARGIN = 2  # grey pixels around the 8x8, so that interpolated strokes can taper off


def draw_glyph(sample, height, angle=0.0, shear=0.0, stretch=1.0):
    """Enlarge a handwritten digit smoothly.

    Args:
        sample (np.ndarray): Grey values, (8, 8), float32 in [0, 1].
        height (float): Height to draw the 8 rows at, before rotation, in pixels.
        angle (float): Rotation in degrees, counter-clockwise. Default: 0.
        shear (float): Horizontal shift per vertical pixel. Default: 0.
        stretch (float): Width over height of a grey pixel. Default: 1.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: The grey values, the opacity
        (float32 in [0, 1]) and the mask (bool), each (h, w), cropped to the mask.
    """
    rows = np.flatnonzero(sample.max(axis=1) >= INK_THRESHOLD)
    scale = height / (rows[-1] - rows[0] + 1)
    side = sample.shape[0] + 2 * MARGIN
    grey = cv2.resize(
        np.pad(sample, MARGIN),
        (round(side * scale * stretch), round(side * scale)),
        interpolation=cv2.INTER_CUBIC,
    )
    grey = np.clip(_rotate_and_shear(grey, angle, shear), 0, 1)

    mask = _remove_specks(grey >= INK_THRESHOLD)
    opacity = np.clip((grey - INK_THRESHOLD) / EDGE_WIDTH + 0.5, 0, 1)
    # The soft edge reaches beyond the mask, but not into a blot that was removed.
    reach = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    opacity = opacity * reach
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return grey[box], opacity[box], mask[box]


def _rotate_and_shear(grey, angle, shear):
    """Turn about the centre, on a canvas that is large enough for the result."""
    radians = math.radians(angle)
    turn = np.array(
        [[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]]
    )
    matrix = turn @ np.array([[1.0, -shear], [0.0, 1.0]])
    size = np.array(grey.shape[::-1], dtype=float)
    canvas = np.ceil(np.abs(matrix) @ size).astype(int)
    offset = (canvas - 1) / 2 - matrix @ ((size - 1) / 2)
    return cv2.warpAffine(
        grey, np.column_stack([matrix, offset]), canvas.tolist(), flags=cv2.INTER_LINEAR
    )


def _remove_specks(mask):
    """Drop the connected pieces that are too small to be a stroke."""
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    areas = statistics[:, cv2.CC_STAT_AREA]
    large = areas >= MIN_SPECK_SHARE * mask.sum()
    large[0] = False
    return large[pieces]
