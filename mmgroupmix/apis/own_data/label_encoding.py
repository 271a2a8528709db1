"""What the values of label maps become: the labels and names of classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError
from .label_values import ONE_CHANNEL, Colour, MapValues, read_array, recode

#: The value that mmsegmentation leaves out of loss and score.
IGNORED = 255
#: More values, or colours without a list of classes, are not those of a label map.
MAX_VALUES = 64


@dataclass
class Encoding:
    """How values become labels.

    Attributes:
        names (list[str]): The classes.
        colours (list[Colour], optional): Of the classes, if the labels have colours.
        table (dict[int, int], optional): The label of each value; None if values are
            labels already.
        by_colour (bool): Whether the values of the table are colours, 0xRRGGBB.
        description (str): For the user.
        notes (list[str]): What is worth knowing.
    """

    names: list[str]
    description: str
    colours: list[Colour] | None = None
    table: dict[int, int] | None = None
    by_colour: bool = False
    notes: list[str] = field(default_factory=list)

    def count(self, values: MapValues) -> Counter:
        """Pixels of each label in a map; ignored ones are left out."""
        counts: Counter = Counter()
        for value, pixels in recode(values, self.by_colour).items():
            label = value if self.table is None else self.table.get(value, IGNORED)
            counts[label] += pixels
        counts.pop(IGNORED, None)
        return counts

    def convert(self, path: Path) -> np.ndarray:
        """Read a map as labels, (H, W), uint8."""
        array, image = read_array(path, self.by_colour)
        if not self.by_colour and image.mode not in ONE_CHANNEL:
            array = array & 0xFF  # grey, in three channels
        if self.table is None:
            return array.astype(np.uint8)
        values, inverse = np.unique(array, return_inverse=True)
        labels = [self.table.get(value, IGNORED) for value in values.tolist()]
        return np.array(labels, np.uint8)[inverse].reshape(array.shape)


def add_background(encoding: Encoding) -> None:
    """Put a background before the classes; values that are labels stay."""
    encoding.names.insert(0, 'background')
    if encoding.colours is not None:
        encoding.colours.insert(0, (0, 0, 0))
    if encoding.table is not None:
        encoding.table = {0: 0} | {v: i + 1 for v, i in encoding.table.items()}


def check_number(values: Sequence, what: str) -> None:
    """Refuse label maps that hold one value only."""
    if len(values) < 2:
        raise UserError(
            f'--data: every label map holds only {what}: there is nothing to tell apart'
        )
