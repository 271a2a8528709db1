"""Images of any number of channels and any depth as RGB, for drawing."""

import sys
from functools import cache

import numpy as np


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Turn an image as the toolboxes load it into one that can be drawn.

    Args:
        image (np.ndarray): Of shape (H, W) or (H, W, C), blue first if it has colours.
            One or two channels are shown as grey (the first), of more than three the
            first three, which is said once. Values beyond 0 to 255, and those of a range
            up to 1, are stretched from black to white.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    planes = image[..., None] if image.ndim == 2 else image
    num_channels = planes.shape[-1]
    if num_channels == 2 or num_channels > 3:
        _say_once(num_channels)
    planes = planes[..., :3][..., ::-1] if num_channels >= 3 else planes[..., :1]
    planes = np.broadcast_to(to_bytes(planes), (*planes.shape[:2], 3))
    return np.ascontiguousarray(planes)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """The values of an image as uint8, stretched where they are not in 0 to 255."""
    if image.dtype == np.uint8:
        return image
    values = np.nan_to_num(image.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    # With a margin for the rounding of values that were normalised.
    if low < -0.5 or high > 255.5 or 0 < high <= 1:
        values = (values - low) * (255 / max(high - low, 1e-12))
    return values.round().clip(0, 255).astype(np.uint8)


@cache  # said once per process
def _say_once(num_channels: int) -> None:
    shown = 'first, in grey' if num_channels == 2 else 'first three as colours'
    print(
        f'note: the images have {num_channels} channels; drawings show the {shown}',
        file=sys.stderr,
        flush=True,
    )
