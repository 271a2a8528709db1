"""Categories of COCO JSON: which names are classes, and with which ids."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import UserError
from .coco_files import CocoFile
from .listing import fold

#: Categories of LabelMe and others that stand for no object, if nothing is labelled so.
NO_OBJECT = ('__ignore__', '_background_', 'background', '')


def collect_categories(files: Mapping[str, CocoFile]) -> dict[str, Any]:
    """The names of all classes with their ids, in the order of the training file.

    Left out are categories of which nothing is labelled: Roboflow's root, which has the
    name of the project, LabelMe's background, and second entries of a name.

    Args:
        files (Mapping[str, CocoFile]): By split.

    Raises:
        UserError: If there are none, or two names differ in case only.
    """
    order = sorted(files, key=lambda split: ('train', 'all', 'val', 'test').index(split))
    used: Counter = Counter()
    for file in files.values():
        names = category_names(file)
        used.update(
            names.get(make_key(a.get('category_id'))) for a in iter_annotations(file)
        )
    classes: dict[str, Any] = {}
    for split in order:
        for name, number in _list_categories(files[split]).items():
            if used[name] or not _stands_for_no_object(name, files[split]):
                classes.setdefault(name, number)
    if not classes:
        given = ', '.join(file.name for file in files.values())
        raise UserError(f'--data: {given} has no categories to learn')
    folded: dict[str, str] = {}
    for name in classes:
        other = folded.setdefault(fold(name), name)
        if other != name:
            raise UserError(
                f'--data: the categories {other!r} and {name!r} differ only in case or '
                'accents. Give them one name in every file.'
            )
    return classes


def iter_categories(file: CocoFile) -> Iterator[tuple[str, Any]]:
    """Yield name and id of every category of a file."""
    for entry in file.content['categories']:
        if isinstance(entry, Mapping):
            yield category_name(entry), entry.get('id')


def _list_categories(file: CocoFile) -> dict[str, Any]:
    """Names with ids; of two entries of a name, the first that is labelled counts."""
    labelled = {make_key(a.get('category_id')) for a in iter_annotations(file)}
    found: dict[str, Any] = {}
    for name, number in iter_categories(file):
        if name not in found or (
            make_key(number) in labelled and make_key(found[name]) not in labelled
        ):
            found[name] = number
    return found


def _stands_for_no_object(name: str, file: CocoFile) -> bool:
    above = {
        str(entry['supercategory'])
        for entry in file.content['categories']
        if isinstance(entry, Mapping)
        and entry.get('supercategory')
        and category_name(entry) != str(entry['supercategory'])
    }
    return name in above or name in NO_OBJECT


def iter_annotations(file: CocoFile) -> list[dict]:
    """The annotations of a file that are objects."""
    entries = file.content.get('annotations', [])
    return [entry for entry in entries if isinstance(entry, dict)]


def category_names(file: CocoFile) -> dict[Any, str]:
    return {
        make_key(entry.get('id')): category_name(entry)
        for entry in file.content['categories']
        if isinstance(entry, Mapping)
    }


def category_name(entry: Mapping) -> str:
    name = entry.get('name')
    return '' if name is None else str(name).strip()


def make_key(value: Any) -> str:
    """An id as a key: some tools write a number in one place and a text in another."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
