"""The classes that the colours of label maps mean."""

from collections import Counter
from collections.abc import Sequence

from ...errors import UserError
from .class_names import ClassList
from .label_encoding import MAX_VALUES, Encoding, add_background, check_number
from .label_values import MapValues, pack, recode, unpack
from .listing import format_names

#: Colours of VOC's outlines, which stand for no class.
VOID_COLOURS = ((224, 224, 192),)
#: So many colours that no class has come from blurred outlines; fewer are of a class that
#: the list lacks.
MIN_BLURRED = 9
MAX_BLURRED_SHARE = 0.1


def encode_colours(maps: Sequence[MapValues], classes: ClassList | None) -> Encoding:
    """Find out what the colours of label maps mean.

    Args:
        maps (Sequence[MapValues]): At least one.
        classes (ClassList, optional): The list of classes beside them, if there is one.

    Returns:
        Encoding: Names, and the label of each colour.

    Raises:
        UserError: If it is open what they mean.
    """
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
        add_background(encoding)
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
    check_number(names, f'the colour {shown}')
    table = {value: index for index, value in enumerate(colours)}
    encoding = Encoding(
        names, 'colours', [unpack(value) for value in colours], table, by_colour=True
    )
    encoding.notes.append(f'nothing names the colours. {advice}')
    return encoding
