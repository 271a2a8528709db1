"""Comparison of the names of classes with those in an annotation file."""

import difflib
import os
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

from mmengine.fileio import list_from_file

#: Rows of the two lists that are shown.
MAX_ROWS = 12
NOTHING = '-'


def read_class_names(classes: Any) -> Any:
    """Read names of classes from a file, as mmengine does for a text that names one.

    Args:
        classes (Any): What a config states.

    Returns:
        Any: A tuple of the lines of the file; anything else as it is.
    """
    is_file = isinstance(classes, str) and os.path.isfile(classes)
    return tuple(list_from_file(classes)) if is_file else classes


def find_name_errors(
    classes: Sequence,
    categories: Iterable[tuple[Hashable, str]],
    annotated: Collection,
    is_listed: bool = True,
) -> tuple[str | None, str | None]:
    """Compare classes with categories.

    A file may lack classes, which then have no objects in it, and have categories that
    the run leaves out. Both at once is a misspelt name or another file.

    Args:
        classes (Sequence): Names of the classes of a dataset.
        categories (Iterable[tuple]): Id and name of each category of a file.
        annotated (Collection): Ids of the categories that have annotations.
        is_listed (bool): Whether the categories are those that the file lists, and not
            only those that some annotations have. Defaults to True.

    Returns:
        tuple[str | None, str | None]: What would give boxes a wrong name or none, and
        what is only worth knowing.
    """
    names = [str(name) for name in classes]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        return f'the classes name {", ".join(repeated)} more than once', None
    by_name: dict[str, list] = {}
    for number, name in categories:
        by_name.setdefault(str(name), []).append(number)
    for name in names:
        ids = by_name.get(name, [])
        used = [number for number in ids if number in annotated]
        if len(used) > 1:
            advice = 'Rename one in the file, or give its annotations the other id.'
            return f'{_describe_double(name, ids)}, that have annotations. {advice}', None
    missing = [name for name in names if name not in by_name]
    extra = [name for name in by_name if name not in names]
    used_extra = [name for name in extra if by_name[name][0] in annotated]
    close = {name: find_closest(name, extra) for name in missing}
    is_other = used_extra and (is_listed or len(missing) == len(names))
    if missing and (is_other or any(close.values())):
        return _lay_side_by_side(names, list(by_name), close), None
    notes = [
        f'{_describe_double(name, by_name[name])}, of which one at most has annotations '
        'and is taken'
        for name in names
        if len(by_name.get(name, [])) > 1
    ]
    if used_extra and not missing:
        more = f' and {len(used_extra) - MAX_ROWS} more' * (len(used_extra) > MAX_ROWS)
        shown = ', '.join(used_extra[:MAX_ROWS])
        notes.append(f'boxes of {shown}{more} are left out: not classes of the config')
    if missing and by_name:
        notes.append(f'the file has no category {", ".join(missing[:MAX_ROWS])}')
    return None, '; '.join(notes) or None


def find_closest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant, if there is one."""
    folded = {_fold(other): other for other in names}
    found = difflib.get_close_matches(_fold(name), folded, 1, 0.75)
    return folded[found[0]] if found else None


def _fold(name: str) -> str:
    words = unicodedata.normalize('NFC', name.lstrip('\ufeff')).lower()
    return ''.join(words.replace('-', ' ').replace('_', ' ').split())


def _show_pair(name: str, meant: str) -> tuple[str, str]:
    """Two names; as escapes where they would look the same."""
    shown = [unicodedata.normalize('NFC', x.strip('\ufeff \t')) for x in (name, meant)]
    if shown[0] == shown[1]:
        name, meant = ascii(name), ascii(meant)
    return name, f'{meant}   (did you mean this?)'


def _describe_double(name: str, ids: Sequence) -> str:
    numbers = ' and '.join(str(number) for number in ids)
    return f'the name {name!r} stands for several categories, {numbers}'


def _lay_side_by_side(
    classes: Sequence[str], names: Sequence[str], close: dict[str, str | None]
) -> str:
    """The two lists, a pair in each line, those that differ first."""
    pairs = [_show_pair(name, meant) for name, meant in close.items() if meant]
    meant = set(close.values())
    alone = [name for name in close if not close[name]]
    others = [name for name in names if name not in classes and name not in meant]
    pairs += zip_longest(alone, others, fillvalue=NOTHING)
    pairs += [(name, name) for name in classes if name in names]
    shown = [('classes of the config', 'categories of the file'), *pairs[:MAX_ROWS]]
    width = max(len(left) for left, _ in shown)
    lines = [f'    {left.ljust(width)}   {right}' for left, right in shown]
    if len(pairs) > MAX_ROWS:
        lines.append(f'    ... and {len(pairs) - MAX_ROWS} more')
    verb = 'is' if len(close) == 1 else 'are'
    return '\n'.join(
        [f'{len(close)} of {len(classes)} classes {verb} not in the file:', *lines]
    )
