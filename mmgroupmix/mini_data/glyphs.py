"""Drawing a handwritten digit of 8x8 grey values at a larger size."""

import math

import cv2
import numpy as np

# The lowest grey value of a pixel of the digit, and the range of grey values over which
# its edge fades. The edge is soft, as through a lens, but the mask is exact.
INK_THRESHOLD = 0.5
EDGE_WIDTH = 0.12
# Connected parts below this share of the digit's area are artefacts of the threshold.
MIN_SPECK_SHARE = 0.05
MARGIN = 2  # pixels around the 8x8, within which interpolated strokes can fade out


def draw_glyph(
    sample: np.ndarray,
    height: float,
    angle: float = 0.0,
    shear: float = 0.0,
    stretch: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a handwritten digit smoothly at a larger size.

    Args:
        sample (np.ndarray): Grey values, (8, 8), float32 in [0, 1].
        height (float): Height of the digit in pixels, before rotation.
        angle (float): Rotation in degrees, counter-clockwise. Defaults to 0.
        shear (float): Horizontal shift per vertical pixel. Defaults to 0.
        stretch (float): Ratio of width to height of an enlarged pixel. Defaults to 1.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Grey values and opacity (float32 in
        [0, 1]) and the mask (bool), each of shape (h, w), cropped to the mask.
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
    # The soft edge extends beyond the mask, but not into specks that were removed.
    reach = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    opacity = opacity * reach
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return grey[box], opacity[box], mask[box]


def _rotate_and_shear(grey: np.ndarray, angle: float, shear: float) -> np.ndarray:
    """Transform about the centre, on a canvas that is large enough for the result."""
    radians = math.radians(angle)
    rotation = np.array(
        [[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]]
    )
    matrix = rotation @ np.array([[1.0, -shear], [0.0, 1.0]])
    size = np.array(grey.shape[::-1], dtype=float)
    canvas = np.ceil(np.abs(matrix) @ size).astype(int)
    offset = (canvas - 1) / 2 - matrix @ ((size - 1) / 2)
    return cv2.warpAffine(
        grey, np.column_stack([matrix, offset]), canvas.tolist(), flags=cv2.INTER_LINEAR
    )


def _remove_specks(mask: np.ndarray) -> np.ndarray:
    """Remove the connected parts that are too small to be a stroke."""
    _, components, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    areas = statistics[:, cv2.CC_STAT_AREA]
    is_stroke = areas >= MIN_SPECK_SHARE * mask.sum()
    is_stroke[0] = False  # the pixels outside the mask
    return is_stroke[components]
