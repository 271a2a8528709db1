"""The best and the worst images of an evaluation, in bounded memory."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

#: Images at each end.
NUM_IMAGES = 12


class RankedImage(NamedTuple):
    """An image with its score.

    Attributes:
        score (float): The higher, the better.
        position (int): Of the image in its dataset; it decides between equal scores.
        name (str): The image file.
        content (Any): What is needed to draw its labels and predictions.
    """

    score: float
    position: int
    name: str
    content: Any

    @property
    def key(self) -> tuple[float, int]:
        """What images are sorted by, the best first."""
        return -self.score, self.position


class Ranking:
    """The images with the highest and the lowest scores of all that were added.

    Args:
        size (int): Images at each end. Defaults to ``NUM_IMAGES``.

    Attributes:
        images (list[RankedImage]): At most ``2 * size``, the best first.
        num_ranked (int): Images that were added and have a score.
    """

    def __init__(self, size: int = NUM_IMAGES):
        self.size = size
        self.images: list[RankedImage] = []
        self.num_ranked = 0

    def add(
        self, score: float, position: int, name: str, build: Callable[[], Any]
    ) -> None:
        """Add an image, unless its score is NaN.

        Args:
            score (float): Its score.
            position (int): Its position in the dataset.
            name (str): The image file.
            build (Callable[[], Any]): Builds its content; called only if it is among the
                best or the worst so far.
        """
        if math.isnan(score):
            return
        self.num_ranked += 1
        image = RankedImage(score, position, name, None)
        place = bisect_left(self.images, image.key, key=lambda one: one.key)
        is_full = len(self.images) == 2 * self.size
        if is_full and place == self.size:
            return
        self.images.insert(place, image._replace(content=build()))
        if is_full:
            del self.images[self.size]

    def keep(self, keys: Iterable[tuple[float, int]]) -> None:
        """Drop all images but those with the given keys."""
        kept = set(keys)
        self.images = [image for image in self.images if image.key in kept]

    def merge(self, other: 'Ranking') -> None:
        """Add the images of another ranking of the same dataset."""
        self.num_ranked += other.num_ranked
        images = sorted((*self.images, *other.images), key=lambda image: image.key)
        self.images = select_ends(images, self.size)

    def split(self) -> tuple[list[RankedImage], list[RankedImage]]:
        """The best images, the best first, and the worst ones, the worst first.

        No image is in both, also if there are fewer than two times ``size``.
        """
        middle = (len(self.images) + 1) // 2
        return self.images[:middle], self.images[middle:][::-1]


def select_ends(items: list, size: int) -> list:
    """The first and the last items of a list, all of them if it is short."""
    return items if len(items) <= 2 * size else [*items[:size], *items[-size:]]
