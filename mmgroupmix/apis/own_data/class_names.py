"""Lists of classes beside label maps: classes.txt, labelmap.txt and their relatives."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ...errors import UserError
from .label_values import Colour
from .listing import Listing, format_names

#: Names of the files of CVAT, LabelMe, Roboflow, CamVid and others, the best first.
NAME_PATTERN = re.compile(
    r'(labelmap|label_map|class_?names|_?classes|class_?dict|class_?mapping|label_?colou?rs|label_?names|'
    r'labels|codes|categories)(_map)?\.(txt|csv)',
    re.IGNORECASE,
)
#: label:colour:parts:actions, of which the first two are read here.
CVAT_LINE = re.compile(r'([^:]+:\s*\d+\s*,\s*\d+\s*,\s*\d+\s*):')
COLOUR = re.compile(r'\d+ +\d+ +\d+')
#: LabelMe's name of what is not labelled at all, which it stores as 255.
IGNORED_NAMES = ('__ignore__',)


@dataclass
class ClassList:
    """The classes of a list.

    Attributes:
        file (str): The file, relative to the folder of the data.
        names (list[str]): In the order of the file.
        colours (dict[Colour, int]): The index of a class by its colour, if the file has
            colours. Defaults to none.
        values (dict[int, int]): The index of a class by its value, if the file has
            values. Defaults to none.
    """

    file: str
    names: list[str]
    colours: dict[Colour, int] = field(default_factory=dict)
    values: dict[int, int] = field(default_factory=dict)


def read_class_list(listing: Listing) -> ClassList | None:
    """Read the list of classes of a folder.

    Args:
        listing (Listing): The folder.

    Returns:
        ClassList | None: None if there is no such file.

    Raises:
        UserError: If there are several that differ, or a file cannot be read.
    """
    found: list[ClassList] = []
    for name in listing.text_files:
        if name.count('/') <= 2 and NAME_PATTERN.fullmatch(PurePosixPath(name).name):
            found.append(parse_class_list(name, _read(listing, name)))
    found = [one for one in found if one.names]
    coloured = [one for one in found if one.colours or one.values]
    best = coloured or found
    different = {tuple(one.names) for one in best}
    if len(different) > 1:
        raise UserError(
            f'--data: {format_names(one.file for one in best)} list different classes. '
            'Keep the one that belongs to the label maps.'
        )
    return best[0] if best else None


def parse_class_list(file: str, text: str) -> ClassList:
    """Read a list of classes.

    A line is a name; a name with three numbers (``name:128,0,0::`` of CVAT,
    ``name,128,0,0``, ``128 0 0 name``); or a value and a name (``1, name`` of Roboflow).

    Args:
        file (str): Its name.
        text (str): Its content.

    Returns:
        ClassList: The classes; without names if it is something else.

    Raises:
        UserError: If a name or a colour occurs twice.
    """
    found = ClassList(file, [])
    lines = [line.strip() for line in text.lstrip('\ufeff').splitlines()]
    # A table (.csv) begins with the names of its columns.
    lines = [line for line in lines if line and not line.startswith('#')]
    if file.lower().endswith('.csv') and lines and not re.search(r'\d', lines[0]):
        lines = lines[1:]
    for line in lines:
        name, numbers = _parse_line(line)
        if name in IGNORED_NAMES:
            continue
        index = len(found.names)
        if name in found.names:
            raise UserError(f'--data: {file} lists the class {name!r} twice')
        if len(numbers) == 3:
            colour = (numbers[0], numbers[1], numbers[2])
            if colour in found.colours:
                raise UserError(f'--data: {file} gives the colour {colour} twice')
            found.colours[colour] = index
        elif len(numbers) == 1:
            found.values[numbers[0]] = index
        found.names.append(name)
    for part in (found.colours, found.values):
        if part and len(part) != len(found.names):
            part.clear()
    return found


def _parse_line(line: str) -> tuple[str, list[int]]:
    """Name and numbers of a line."""
    if match := CVAT_LINE.match(line):
        line = match[1]
    fields = [part.strip() for part in re.split(r'[,;\t:]', line)]
    fields = [part for part in fields if part]
    if len(fields) == 1:
        # Blanks separate three numbers from a name; a name alone may have blanks.
        match = re.fullmatch(r'(\d+) +(\d+) +(\d+) +(.+)', line) or re.fullmatch(
            r'(.+?) +(\d+) +(\d+) +(\d+)', line
        )
        fields = list(match.groups()) if match else fields
    elif len(fields) == 2:
        # One of both may be three numbers: a colour.
        fields = [
            part
            for field in fields
            for part in (field.split() if COLOUR.fullmatch(field) else [field])
        ]
    numbers = [int(part) for part in fields if part.isdigit() and int(part) < 256]
    names = [part for part in fields if not part.isdigit()]
    if len(names) == 1 and len(numbers) in (1, 3):
        return names[0], numbers
    return (names[0] if names else line), []


def _read(listing: Listing, name: str) -> str:
    try:
        return (listing.root / name).read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise UserError(f'--data: {name} is not UTF-8: save it as UTF-8') from error
    except OSError as error:
        raise UserError(f'--data: {name} cannot be read: {error.strerror}') from error
