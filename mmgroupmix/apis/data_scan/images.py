"""Sizes of images as the loading step of a pipeline will see them, from their headers."""

import time
from collections.abc import Iterable, Iterator

from PIL import Image

#: A scan looks at so many images of a dataset, spread evenly, and for so long.
MAX_IMAGES = 500
MAX_SECONDS = 15.0
#: A prime larger than MAX_IMAGES: steps of it visit every index of a sample once.
STRIDE = 7919
#: EXIF's tag of the orientation; these values exchange height and width.
ORIENTATION = 274
TURNED = (5, 6, 7, 8)


def iter_sample(length: int, everything: bool) -> Iterator[int]:
    """Yield the indices of the images to look at.

    Args:
        length (int): Images of the dataset.
        everything (bool): Whether to look at all, however long that takes.

    Yields:
        int: An index. The order jumps, so that a sample that is cut for want of time is
        still spread over the dataset.
    """
    if everything:
        yield from range(length)
        return
    number = min(length, MAX_IMAGES)
    end = time.monotonic() + MAX_SECONDS
    for i in range(number):
        yield (i * STRIDE % number) * length // number
        if time.monotonic() > end:
            return


def read_size(path: str, turns: bool) -> tuple[int, int, bool] | None:
    """Read the size of an image.

    Args:
        path (str): The image.
        turns (bool): Whether the EXIF orientation counts.

    Returns:
        tuple[int, int, bool] | None: Height and width in pixels as the image is loaded,
        and whether its EXIF orientation exchanges them; None if it cannot be read here.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_turned = image.getexif().get(ORIENTATION) in TURNED
    except Exception:  # the loading step reports it, if it cannot read it either
        return None
    if is_turned and turns:
        return width, height, True
    return height, width, is_turned


class SizeComparison:
    """Compares the sizes of images with those that their annotations are for.

    Args:
        turns (bool): Whether the pipeline turns images by their EXIF orientation.
    """

    def __init__(self, turns: bool):
        self.turns = turns
        self.misplaced: list[str] = []
        self.odd: list[str] = []

    def compare(self, path: str, listed: tuple, corner: tuple[float, float]) -> None:
        """Compare one image.

        Args:
            path (str): The image.
            listed (tuple): Height and width in its annotations.
            corner (tuple[float, float]): The largest y and x of its boxes.
        """
        found = read_size(path, self.turns)
        if found is None or found[:2] == tuple(listed):
            return
        height, width, is_turned = found
        text = (
            f'{path} has {width} x {height} pixels'
            f'{", turned by its EXIF orientation" * is_turned}, and its annotations are '
            f'for {listed[1]} x {listed[0]}'
        )
        is_outside = corner[0] > height + 1 or corner[1] > width + 1
        fits_listed = corner[0] <= listed[0] + 1 and corner[1] <= listed[1] + 1
        if fits_listed and (is_outside or (is_turned and found[1::-1] == tuple(listed))):
            self.misplaced.append(text)
        else:
            self.odd.append(text)

    def describe(self, texts: list[str]) -> str:
        """The first of several texts, and how many there are."""
        more = len(texts) - 1
        return texts[0] + (f' ({more} more like it)' if more else '')


def count_suffixes(names: Iterable[str]) -> str:
    """The suffixes of file names with their numbers, such as '6 .png, 1 .txt'."""
    counts: dict[str, int] = {}
    for name in names:
        stem, dot, suffix = name.rpartition('.')
        key = dot + suffix if stem else '(none)'
        counts[key] = counts.get(key, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ', '.join(f'{count} {suffix}' for suffix, count in ranked[:4])
