"""The values of label maps as they are stored: indices, grey levels or colours."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import UserError

Colour = tuple[int, int, int]
#: Pillow's modes of images whose values may be labels.
ONE_CHANNEL = ('P', 'L', '1', 'I', 'I;16', 'I;16B', 'F')


@dataclass
class MapValues:
    """What one label map holds.

    Attributes:
        path (Path): The file.
        mode (str): Pillow's: 'P', 'L', 'RGB', ...
        pixels (dict[int, int]): Pixels of each value; of colours, as 0xRRGGBB.
        colours (dict[int, int]): The colour of each index of a palette.
    """

    path: Path
    mode: str
    pixels: dict[int, int]
    colours: dict[int, int] = field(default_factory=dict)

    @property
    def has_colours(self) -> bool:
        """Whether values are colours that are not grey."""
        return self.mode == 'RGB' and any(not _is_grey(value) for value in self.pixels)


def read_array(path: Path, by_colour: bool) -> tuple[np.ndarray, Image.Image]:
    """Read a label map.

    Args:
        path (Path): The file.
        by_colour (bool): Whether to return colours for a palette too.

    Returns:
        tuple[np.ndarray, Image.Image]: (H, W), of values, or of colours as 0xRRGGBB if
        the file has several channels; and the image.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            image.load()
            if by_colour or image.mode not in ONE_CHANNEL:
                grey = image.mode in ('LA', 'La')
                array = np.asarray(image.convert('L' if grey else 'RGB'))
            else:
                array = np.asarray(image)
    except Exception as error:
        raise UserError(
            f'--data: the label map {path} cannot be read: {error}'
        ) from error
    if array.dtype.kind == 'f':
        whole = np.nan_to_num(array, nan=-1).astype(np.int64)
        if (whole != array).any():
            raise UserError(
                f'--data: the label map {path} holds fractions, such as '
                f'{array[whole != array][0]:g}; expected whole numbers, one per class'
            )
        array = whole
    if array.ndim == 3:
        red, green, blue = (array[..., i].astype(np.int32) for i in range(3))
        array = (red << 16) | (green << 8) | blue
    return array, image


def read_values(path: Path) -> MapValues:
    """Read what a label map holds."""
    array, image = read_array(path, by_colour=False)
    values, pixels = np.unique(array, return_counts=True)
    found = dict(zip(map(int, values), map(int, pixels)))
    mode = 'RGB' if image.mode in ('RGB', 'RGBA', 'CMYK', 'RGBX') else image.mode
    colours = {}
    if image.mode == 'P':
        palette = image.getpalette('RGB') or []
        for index in found:  # a palette may be shorter than its largest index
            colour = palette[3 * index : 3 * index + 3]
            colours[index] = pack(colour) if len(colour) == 3 else 0
    return MapValues(path, mode, found, colours)


def recode(values: MapValues, by_colour: bool) -> Counter:
    """Pixels of each value, or of each colour if the map is to be read by colour."""
    counts: Counter = Counter()
    for value, pixels in values.pixels.items():
        if by_colour:
            grey = values.mode not in ('P', 'RGB')
            key = values.colours.get(value, value * 0x010101 if grey else value)
        else:
            key = value & 0xFF if values.mode == 'RGB' else value
        counts[key] += pixels
    return counts


def pack(colour: Sequence[int]) -> int:
    """A colour as 0xRRGGBB."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def unpack(value: int) -> Colour:
    """Red, green and blue of 0xRRGGBB."""
    return value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF


def _is_grey(value: int) -> bool:
    red, green, blue = unpack(value)
    return red == green == blue
