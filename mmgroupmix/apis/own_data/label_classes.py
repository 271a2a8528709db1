"""The classes that the values of label maps mean."""

from collections import Counter
from collections.abc import Sequence

from ...errors import UserError
from .class_names import ClassList
from .label_colours import MAX_BLURRED_SHARE, MIN_BLURRED, encode_colours
from .label_encoding import IGNORED, MAX_VALUES, Encoding, add_background, check_number
from .label_values import Colour, MapValues, recode, unpack
from .listing import format_names

#: Of black and white label maps, a grey level of fewer pixels may be a blurred outline.
RARE_SHARE = 0.01


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
        return encode_colours(maps, classes)
    if _palettes_differ(maps):
        encoding = encode_colours(maps, classes)
        encoding.notes.append(
            'palettes differ from file to file: colours count, not indices'
        )
        return encoding
    return _encode_values(maps, classes)


def _encode_values(maps: Sequence[MapValues], classes: ClassList | None) -> Encoding:
    found: Counter = Counter()
    for one in maps:
        found += recode(one, by_colour=False)
    listed = len(classes.names) if classes else 2
    between = _find_grey_edges(found) if listed <= 2 else Counter()
    values = sorted(set(found) - set(between))
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
        table = {0: 0, IGNORED: 1} | {value: int(value > 127) for value in between}
        encoding = Encoding(
            names or ['background', 'foreground'], 'black and white', table=table
        )
        encoding.notes.append('white (255) is taken as class 1, not as ignored')
        if between:
            share = sum(between.values()) / sum(found.values())
            encoding.notes.append(
                f'{share:.2%} of the pixels have {len(between)} grey levels (blurred '
                'outlines); they are taken as the nearer of black and white'
            )
        return encoding
    used = [value for value in values if value != IGNORED]
    share = found[IGNORED] / sum(found.values())
    notes = [f'{share:.1%} of the pixels are 255: ignored'] if share else []
    if len(values) > MAX_VALUES and not names:
        raise UserError(
            f'--data: the label maps hold {len(values)} values ({format_names(values)}): '
            'photographs, or numbers of objects instead of classes?'
        )
    check_number(values, f'the value {format_names(values)}')
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
        rare = [v for v in values[1:-1] if found[v] < RARE_SHARE * sum(found.values())]
        if rare and {0, IGNORED} <= set(found):
            encoding.notes.append(
                f'the grey levels {format_names(rare)} are rare: if they are blurred '
                'outlines and not classes, save the label maps in black and white'
            )
    encoding.notes.append(
        'nothing names the classes: write classes.txt beside the folders, a name a line'
    )
    return encoding


def _find_grey_edges(found: Counter) -> Counter:
    """The grey levels that blurred outlines of black and white label maps have."""
    between = Counter({v: n for v, n in found.items() if v not in (0, IGNORED)})
    is_blurred = (
        {0, IGNORED} <= set(found)
        and len(between) >= MIN_BLURRED
        and MAX_VALUES < max(between) < IGNORED
        and sum(between.values()) <= MAX_BLURRED_SHARE * sum(found.values())
    )
    return between if is_blurred else Counter()


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
        add_background(encoding)
    elif used[-1] == len(names):
        return _count_from_one(names, description)
    elif used[-1] >= len(names):
        raise UserError(
            f'--data: the label maps hold {format_names(used, 8)}, and {file} has '
            f'{len(names)} names, for labels 0 to {len(names) - 1}. Correct the list, or '
            f'write lines with value and name into it, such as "{used[-1]}, {names[-1]}".'
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
