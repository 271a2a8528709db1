"""The classes that the values of label maps mean."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError
from .class_names import ClassList
from .label_values import (
    ONE_CHANNEL,
    Colour,
    MapValues,
    pack,
    read_array,
    recode,
    unpack,
)
from .listing import format_names

#: The value that mmsegmentation leaves out of loss and score.
IGNORED = 255
#: More values, or colours without a list of classes, are not those of a label map.
MAX_VALUES = 64
#: Colours of VOC's outlines, which stand for no class.
VOID_COLOURS = ((224, 224, 192),)
#: So many colours that no class has come from blurred outlines; fewer are of a class that
#: the list lacks.
MIN_BLURRED = 9
MAX_BLURRED_SHARE = 0.1


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


def choose_encoding(maps: Sequence[MapValues], classes: ClassList | None) -> Encoding:
    """Find out what the values of label maps mean.

    Args:
        maps (Sequence[MapValues]): At least one.
        classes (ClassList, optional): The list of classes beside them, if there is one.

    Returns:
        Encoding: Names, and the label of each value.

    Raises:
        UserError: If it is open what they mean.
    """
    listed = bool(classes and classes.colours)
    coloured = any(one.has_colours for one in maps)
    if coloured or (listed and all(one.mode in ('P', 'RGB') for one in maps)):
        return _encode_colours(maps, classes)
    if _palettes_differ(maps):
        encoding = _encode_colours(maps, classes)
        encoding.notes.append(
            'palettes differ from file to file: colours count, not indices'
        )
        return encoding
    return _encode_values(maps, classes)


def _encode_colours(maps: Sequence[MapValues], classes: ClassList | None) -> Encoding:
    found: Counter = Counter()
    for one in maps:
        found += recode(one, by_colour=True)
    if not classes or not classes.colours:
        return _name_colours(found, classes)
    known = {pack(colour): index for colour, index in classes.colours.items()}
    names, colours = list(classes.names), [unpack(value) for value in known]
    encoding = Encoding(
        names, f'colours of {classes.file}', colours, dict(known), by_colour=True
    )
    unknown = Counter({value: n for value, n in found.items() if value not in known})
    for colour in VOID_COLOURS:
        unknown.pop(pack(colour), None)
    if unknown.pop(0, 0):
        _add_background(encoding)
        encoding.notes.append(
            f'black is not in {classes.file}: taken as a class of its own, background'
        )
    if unknown:
        share = sum(unknown.values()) / sum(found.values())
        shown = format_names(unpack(value) for value, _ in unknown.most_common(4))
        example = next(one.path for one in maps if set(recode(one, True)) & set(unknown))
        if len(unknown) < MIN_BLURRED or share > MAX_BLURRED_SHARE:
            raise UserError(
                f'--data: colours of the label maps that {classes.file} does not list: '
                f'{shown} ({share:.2%} of the pixels; {example.name}). '
                'Add a line for each class that is missing (name:red,green,blue::).'
            )
        encoding.notes.append(
            f'{share:.2%} of the pixels have {len(unknown)} colours that no class has '
            '(blurred outlines); they are ignored'
        )
    return encoding


def _name_colours(found: Counter, classes: ClassList | None) -> Encoding:
    """An encoding of colours without a list of them."""
    colours = sorted(value for value in found if unpack(value) not in VOID_COLOURS)
    shown = format_names((f'{unpack(v)}' for v, _ in found.most_common(6)), 6)
    advice = (
        'Write a labelmap.txt beside the folders with a line name:red,green,blue:: for '
        'each class.'
    )
    if classes:
        raise UserError(
            f'--data: the label maps have {len(colours)} colours ({shown}), and '
            f'{classes.file} does not say which class has which. {advice}'
        )
    if len(colours) > MAX_VALUES:
        raise UserError(
            f'--data: the label maps have {len(colours)} colours, too many for classes '
            f'(blurred or compressed?); the most frequent are {shown}. {advice}'
        )
    names = ['background' if v == 0 else f'colour #{v:06x}' for v in colours]
    _check_number(names, f'the colour {shown}')
    table = {value: index for index, value in enumerate(colours)}
    encoding = Encoding(
        names, 'colours', [unpack(value) for value in colours], table, by_colour=True
    )
    encoding.notes.append(f'nothing names the colours. {advice}')
    return encoding


def _encode_values(maps: Sequence[MapValues], classes: ClassList | None) -> Encoding:
    found: Counter = Counter()
    for one in maps:
        found += recode(one, by_colour=False)
    values = sorted(found)
    names = list(classes.names) if classes else []
    palette = any(one.mode == 'P' for one in maps)
    description = 'indices with a palette' if palette else 'grey levels'
    if classes and classes.values:
        return _encode_listed_values(values, classes)
    if values == [0, IGNORED]:
        names = ['background', *names][-2:] if 1 <= len(names) <= 2 else names
        if len(names or 'ab') != 2:
            raise UserError(
                f'--data: the label maps hold 0 and 255, two classes, and '
                f'{classes.file if classes else ""} has {len(names)} names'
            )
        table = {0: 0, IGNORED: 1}
        encoding = Encoding(
            names or ['background', 'foreground'], 'black and white', table=table
        )
        encoding.notes.append('white (255) is taken as class 1, not as ignored')
        return encoding
    used = [value for value in values if value != IGNORED]
    share = found[IGNORED] / sum(found.values())
    notes = [f'{share:.1%} of the pixels are 255: ignored'] if share else []
    if len(values) > MAX_VALUES and not names:
        raise UserError(
            f'--data: the label maps hold {len(values)} values ({format_names(values)}): '
            'photographs, or numbers of objects instead of classes?'
        )
    _check_number(values, f'the value {format_names(values)}')
    if names:
        encoding = _encode_by_names(used, names, classes, description)
        encoding.notes += notes
        encoding.colours = _palette_of(maps, len(encoding.names))
        return encoding
    if used[0] == 1 and used[-1] < 2 * len(used):
        names = [f'class {i}' for i in range(1, used[-1] + 1)]
        encoding = _count_from_one(names, description)
        encoding.notes += notes
    elif used[-1] < 2 * len(used) and used[-1] < IGNORED:
        first = 'class 0' if notes else 'background'
        names = [first, *(f'class {i}' for i in range(1, used[-1] + 1))]
        encoding = Encoding(names, description, _palette_of(maps, len(names)))
        encoding.notes += notes
    else:
        names = [f'value {value}' for value in values]
        table = {value: index for index, value in enumerate(values)}
        encoding = Encoding(names, 'grey levels', table=table)
    encoding.notes.append(
        'nothing names the classes: write classes.txt beside the folders, a name a line'
    )
    return encoding


def _encode_by_names(
    used: list[int],
    names: list[str],
    classes: ClassList | None,
    description: str,
) -> Encoding:
    encoding = Encoding(names, description)
    file = classes.file if classes else ''
    if used[-1] == len(names) and 0 in used:
        encoding.notes.append(
            f'labels go from 0 to {used[-1]} and {file} has {len(names)} names: 0 is '
            'taken as a class of its own, background'
        )
        _add_background(encoding)
    elif used[-1] == len(names):
        return _count_from_one(names, description)
    elif used[-1] >= len(names):
        raise UserError(
            f'--data: the label maps hold {format_names(used, 8)}, and {file} has '
            f'{len(names)} names, for labels 0 to {len(names) - 1}. Correct the list.'
        )
    return encoding


def _count_from_one(names: list[str], description: str) -> Encoding:
    """An encoding of labels from 1: 0 does not occur, and would be ignored."""
    table = {index + 1: index for index in range(len(names))}
    encoding = Encoding(names, description, table=table)
    encoding.notes.append('0 does not occur: labels count from 1')
    return encoding


def _encode_listed_values(values: list[int], classes: ClassList) -> Encoding:
    unknown = [v for v in values if v not in classes.values and v != IGNORED]
    if unknown:
        raise UserError(
            f'--data: the label maps hold {format_names(unknown)}, which {classes.file} '
            'does not list'
        )
    identity = all(value == index for value, index in classes.values.items())
    return Encoding(
        list(classes.names),
        f'values of {classes.file}',
        table=None if identity else dict(classes.values),
    )


def _add_background(encoding: Encoding) -> None:
    """Put a background before the classes; values that are labels stay."""
    encoding.names.insert(0, 'background')
    if encoding.colours is not None:
        encoding.colours.insert(0, (0, 0, 0))
    if encoding.table is not None:
        encoding.table = {0: 0} | {v: i + 1 for v, i in encoding.table.items()}


def _check_number(values: Sequence, what: str) -> None:
    if len(values) < 2:
        raise UserError(
            f'--data: every label map holds only {what}: there is nothing to tell apart'
        )


def _palettes_differ(maps: Sequence[MapValues]) -> bool:
    colours: dict[int, int] = {}
    return any(
        colours.setdefault(index, colour) != colour
        for one in maps
        for index, colour in one.colours.items()
    )


def _palette_of(maps: Sequence[MapValues], number: int) -> list[Colour] | None:
    colours = {i: colour for one in maps for i, colour in one.colours.items()}
    if len(set(colours.values())) < len(colours) or not colours:
        return None
    return [unpack(colours.get(index, 0x808080)) for index in range(number)]
