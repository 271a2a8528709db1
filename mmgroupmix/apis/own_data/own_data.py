"""What every kind of data offers: classes, splits, counts and the configs of datasets."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from .splits import find_shared_images, split_items

#: Images whose size is read, evenly spread over all.
MAX_SIZES = 300
#: Share of the images that are kept for validation where the data have no split.
VAL_SHARE = 0.2
SPLITS = ('train', 'val', 'test')
#: The EXIF tag of a photo that is stored turned, and its values for a quarter turn.
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)


@dataclass
class OwnData(ABC):
    """Data of the user's own, as recognised.

    Attributes:
        root (Path): The folder, absolute.
        origin (str): What it is and where the labels are, for the user.
        classes (tuple[str, ...]): Names of the classes, in the order of the labels.
        splits (dict[str, list]): The items of 'train', 'val' and 'test', or of 'all'
            where nothing says which is which.
        palette (list, optional): Colours of the classes. Defaults to None: those of
            :func:`make_palette`.
        notes (list[str]): What was left out or taken another way.
    """

    root: Path
    origin: str
    classes: tuple[str, ...]
    splits: dict[str, list[Any]]
    palette: list[tuple[int, int, int]] | None = None
    notes: list[str] = field(default_factory=list)
    #: What of the split was made here; '' for the user's own.
    made_split: str = ''

    #: The toolbox whose configs fit.
    toolbox: ClassVar[str]
    #: What is counted for each class.
    unit: ClassVar[str]

    @abstractmethod
    def get_image(self, item: Any) -> Path:
        """The image of an item."""

    @abstractmethod
    def get_labels(self, item: Any) -> Collection[int]:
        """The classes that occur in an item, as indices."""

    @abstractmethod
    def count_classes(self, items: Sequence[Any]) -> Counter:
        """How often each class occurs, by its index."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, dict]:
        """Write lists and converted labels.

        Args:
            folder (Path): A folder of the run's, absolute.

        Returns:
            dict[str, dict]: The config of the dataset of each split, without pipeline.
        """

    def make_splits(self, seed: int) -> None:
        """Make a training and a validation split where there are none, in place.

        Images with the same content, and those that an export made of one image, stay
        together. Each class is divided in the same proportion.

        Args:
            seed (int): Seed of the division.
        """
        if not self.splits.get('train'):
            # What a tool calls val or test may be all that there is.
            found = (s for s in ('all', 'val', 'test') if self.splits.get(s))
            self.splits['train'] = self.splits.pop(next(found, 'all'), [])
        if not self.splits.get('val'):
            items = self.splits['train']
            val = split_items(
                [self.get_image(item) for item in items],
                [self.get_labels(item) for item in items],
                VAL_SHARE,
                seed,
            )
            self.splits['train'] = [x for i, x in enumerate(items) if i not in val]
            self.splits['val'] = [x for i, x in enumerate(items) if i in val]
            self.made_split = (
                f'{len(val)} of {len(items)} images for validation, seed {seed}'
            )
        self.splits = {s: self.splits[s] for s in SPLITS if s in self.splits}
        if self.made_split:
            return
        if shared := find_shared_images(
            [self.get_image(item) for item in self.splits['train']],
            [self.get_image(item) for item in self.splits['val']],
        ):
            self.notes.append(
                f'{len(shared)} validation images are in the training split too '
                f'({shared[0].name}, ...): the score will be too good'
            )

    def measure_sizes(self) -> np.ndarray:
        """Width and height of a sample of the training images.

        Returns:
            np.ndarray: (N, 2), in pixels.
        """
        items = self.splits['train']
        step = max(len(items) // MAX_SIZES, 1)
        sizes = [read_size(self.get_image(item)) for item in items[::step]]
        found = [size for size in sizes if size]
        return np.array(found or [(0, 0)])


def read_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image as it is shown, None if it cannot be read."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_turned = image.getexif().get(ORIENTATION) in SIDEWAYS
            return (height, width) if is_turned else (width, height)
    except Exception:
        return None  # the run itself names files that it cannot read


def make_palette(number: int) -> list[tuple[int, int, int]]:
    """Distinct colours, the most distinct first (Pascal VOC's, without black).

    Args:
        number (int): Number of colours.

    Returns:
        list[tuple[int, int, int]]: Red, green and blue.
    """
    palette = []
    for index in range(1, number + 1):
        colour = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                colour[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        palette.append((colour[0], colour[1], colour[2]))
    return palette
