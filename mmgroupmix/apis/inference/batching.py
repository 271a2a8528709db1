"""Batches of images of one size and one number of channels."""

from collections.abc import Iterator
from itertools import groupby, islice

from .sources import Frame

#: To find images of one size, so many batches are read ahead, but not more bytes.
WINDOW_BATCHES = 8
WINDOW_BYTES = 2**28


def iter_batches(frames: Iterator[Frame], batch_size: int) -> Iterator[list[Frame]]:
    """Batch images of one size, so that none is padded: padding changes predictions.

    Args:
        frames (Iterator[Frame]): Images.
        batch_size (int): Images per batch, at most.

    Yields:
        list[Frame]: The next batch. Frames of a video stay in their order.
    """
    # Frames of a video go into one file: they are not mixed with others.
    videos = groupby(frames, key=lambda one: one.source if one.source.is_video else None)
    for source, group in videos:
        while window := _read_window(group, batch_size, read_ahead=source is None):
            window.sort(key=_size)  # stable
            for _, same_size in groupby(window, key=_size):
                while batch := list(islice(same_size, batch_size)):
                    yield batch


def _read_window(
    frames: Iterator[Frame], batch_size: int, read_ahead: bool
) -> list[Frame]:
    limit = WINDOW_BATCHES * batch_size if read_ahead and batch_size > 1 else batch_size
    window: list[Frame] = []
    num_bytes = 0
    for frame in islice(frames, limit):
        window.append(frame)
        num_bytes += frame.image.nbytes
        if num_bytes > WINDOW_BYTES and len(window) >= batch_size:
            break
    return window


def _size(frame: Frame) -> tuple[int, ...]:
    return frame.image.shape
