"""Overlays of label maps that are too large for mmsegmentation's visualiser.

It keeps a mask for every class at once and lists the coordinates of every pixel as Python
numbers: several hundred bytes per pixel. Here a few rows or one class are drawn at a
time, with the same result.
"""

from collections.abc import Sequence

import cv2
import numpy as np

#: Rows that are blended at a time.
STRIP = 256


def estimate_visualizer_bytes(num_pixels: int, num_classes: int) -> int:
    """Bytes that mmsegmentation's visualiser takes for an image, at most."""
    return num_pixels * (300 + 2 * num_classes)


def draw_label_map(
    image: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    opacity: float,
) -> np.ndarray:
    """Draw a label map and the names of its classes on an image.

    Args:
        image (np.ndarray): RGB, (H, W, 3), uint8.
        labels (np.ndarray): Indices of classes, (H, W).
        classes (Sequence[str]): Their names. Other labels are drawn in black.
        palette (Sequence[Sequence[int]]): Their colours, RGB.
        opacity (float): Of the label map, between 0 and 1.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    # As mmsegmentation's SegLocalVisualizer, which draws the last class first.
    shown = [i for i in _list_labels(labels)[::-1] if i < len(classes)]
    colors = np.zeros((max(labels.max() + 1, len(classes)), 3), np.uint8)
    for index in shown:
        colors[index] = palette[index]
    drawn = np.empty_like(image)
    for start in range(0, len(labels), STRIP):
        drawn[start : start + STRIP] = colors[labels[start : start + STRIP]]
    for index in shown:
        _write_name(drawn, labels == index, classes[index], palette[index])
    for start in range(0, len(labels), STRIP):
        rows = slice(start, start + STRIP)
        drawn[rows] = image[rows] * (1 - opacity) + drawn[rows] * opacity
    return drawn


def _list_labels(labels: np.ndarray) -> list[int]:
    return sorted(set().union(*(np.unique(row).tolist() for row in labels)))


def _write_name(
    drawn: np.ndarray, mask: np.ndarray, name: str, color: Sequence[int]
) -> None:
    """Write a name in the middle of the row that has most pixels of the class."""
    height, width = mask.shape
    thickness = 1 if height < 300 or width < 300 else 2
    y = int(mask.sum(axis=1).argmax())
    columns = np.flatnonzero(mask[y])
    x = int(columns[len(columns) // 2])
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, min(height, width) / 500
    (text_width, text_height), baseline = cv2.getTextSize(name, font, scale, thickness)
    corner = (x + text_width + baseline, y + text_height + baseline)
    cv2.rectangle(drawn, (x, y), corner, tuple(map(int, color)), -1)
    cv2.rectangle(drawn, (x, y), corner, (0, 0, 0), thickness)
    cv2.putText(
        drawn, name, (x, y + text_height), font, scale, (255, 255, 255), thickness, 2
    )
