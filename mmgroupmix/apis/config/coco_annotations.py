"""Checks of annotation files in COCO's format, before a toolbox reads them.

They follow what mmdet's ``CocoDataset`` and ``CocoMetric`` do with an entry. What they
leave out rightly (boxes outside of the image or without area, further categories) passes;
what would stop them, or crash native code, is reported with file, entry and reason.
"""

import gc
import json
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence

from ...errors import UserError
from .coco_entries import AnnotationChecker, CocoUse
from .findings import Findings, find_missing_key, is_hashable
from .mask_annotations import MAX_COORDINATE, format_value, is_number


def load_coco(path: str, accepts_mark: bool = False) -> dict:
    """Read an annotation file as ``pycocotools`` does.

    Args:
        path (str): The file.
        accepts_mark (bool): Whether it may begin with a byte order mark, at which
            ``pycocotools`` stops. Defaults to False.

    Returns:
        dict: Its content; 'images' and 'categories' are lists, and so is 'annotations'
        if it is there.

    Raises:
        UserError: If it is not a JSON file, or not one in COCO's format.
    """
    # A collection for every few hundred entries would take half of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        with open(path, encoding='utf-8-sig' if accepts_mark else 'utf-8') as file:
            content = json.load(file)
    except OSError as error:
        raise UserError(f'{path}: cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise UserError(
            f'{path}: byte {error.start} is not UTF-8; annotation files are JSON in UTF-8'
        ) from error
    except (ValueError, RecursionError) as error:
        if 'UTF-8 BOM' in str(error):
            raise UserError(
                f'{path}: begins with a byte order mark (BOM), at which mmdet stops. '
                'Save it as UTF-8 without one ("UTF-8", not "UTF-8 with BOM").'
            ) from error
        raise UserError(
            f'{path}: is not a complete JSON file: {error}. Export or copy it again.'
        ) from error
    finally:
        if collects:
            gc.enable()
    if not isinstance(content, dict):
        raise UserError(
            f'{path}: is {format_value(content)}; expected an object with images, '
            'annotations and categories, as in COCO'
        )
    for part in ('images', 'categories', 'annotations'):
        if part not in content and part != 'annotations':
            raise UserError(f'{path}: has no {part}; expected a list of objects')
        if not isinstance(content.get(part, []), list):
            raise UserError(
                f'{path}: {part} is {format_value(content[part])}; expected a list of '
                'objects'
            )
    return content


def check_coco(path: str, content: Mapping, uses: Iterable[CocoUse]) -> Findings:
    """Check everything in an annotation file that a run will use.

    Args:
        path (str): The file, for the message.
        content (Mapping): What :func:`load_coco` returned.
        uses (Iterable[CocoUse]): What the run takes from it.

    Returns:
        Findings: With the warnings.

    Raises:
        UserError: For the first entry that is broken; it says how many others are.
    """
    findings = Findings(path)
    sizes = _check_images(content['images'], findings)
    findings.raise_errors(content)
    for use in uses:
        category_ids = _check_categories(content['categories'], use.classes, findings)
        findings.raise_errors(content)
        if use.evaluates:
            for part, ids in (('images', sizes), ('categories', category_ids)):
                _check_sortable(content[part], part, ids, findings)
        findings.raise_errors(content)
        checker = AnnotationChecker(sizes, category_ids, use, findings)
        checker.check(content.get('annotations', []))
        findings.raise_errors(content)
        if not use.evaluates:
            _check_anything_left(content, checker, path)
    return findings


def list_categories(content: Mapping) -> list[dict]:
    """The categories of a file that have an id and a name; others are not checked yet."""
    return [
        entry
        for entry in content['categories']
        if isinstance(entry, dict)
        and isinstance(entry.get('id'), (int, str))
        and isinstance(entry.get('name'), (int, str))
    ]


def find_annotated(content: Mapping) -> set[Hashable]:
    """The ids of the categories of a file that have annotations."""
    entries = content.get('annotations', [])
    numbers = (entry.get('category_id') for entry in entries if isinstance(entry, dict))
    return {number for number in numbers if is_hashable(number)}


def find_used_images(checker: AnnotationChecker) -> Iterator[Hashable]:
    """Yield the ids of the images that mmdet's filter keeps."""
    for number, size in checker.sizes.items():
        is_empty = checker.use.filter_empty and number not in checker.annotated
        if not is_empty and min(size) >= checker.use.min_size:
            yield number


def _check_images(images: Sequence, findings: Findings) -> dict[Hashable, tuple]:
    """Check the images; return height and width for each id."""
    sizes: dict[Hashable, tuple] = {}
    names: dict[Hashable, str] = {}
    for i, image in enumerate(images):
        reason = find_missing_key(image, ('id', 'file_name', 'height', 'width'))
        if reason is None:
            reason = _find_image_error(image, names)
        if reason:
            findings.add_error('images', i, reason)
            continue
        names[image['id']] = image['file_name']
        sizes[image['id']] = image['height'], image['width']
    return sizes


def _find_image_error(image: Mapping, names: Mapping[Hashable, str]) -> str | None:
    number, name = image['id'], image['file_name']
    if not is_hashable(number):
        return f': id is {format_value(number)}; expected an integer'
    if not isinstance(name, str) or not name:
        return f': file_name is {format_value(name)}; expected a name'
    for key in ('height', 'width'):
        if not is_number(image[key]) or abs(image[key]) > MAX_COORDINATE:
            return (
                f': {key} is {format_value(image[key])}; expected a number of pixels, '
                f'at most {MAX_COORDINATE}'
            )
    if names.get(number, name) != name:
        return f': {names[number]} has the same id; expected unique ids'
    return None


def _check_categories(
    categories: Sequence, classes: Sequence | None, findings: Findings
) -> dict[Hashable, bool]:
    """Check the categories; return for each id whether it is in use."""
    used: dict[Hashable, bool] = {}
    names: dict[Hashable, Hashable] = {}
    known = None if classes is None else {str(name) for name in classes}
    for i, category in enumerate(categories):
        reason = find_missing_key(category, ('id', 'name'))
        for key in ('id', 'name') if reason is None else ():
            if not is_hashable(category[key]) or category['name'] is None:
                reason = f': {key} is {format_value(category[key])}'
        if reason:
            findings.add_error('categories', i, reason)
            continue
        number, name = category['id'], category['name']
        is_used = known is None or str(name) in known
        if number in names and (is_used or used[number]):
            reason = f': {format_value(names[number])} has the same id'
            findings.add_error('categories', i, f'{reason}; expected unique ids')
        used[number], names[number] = is_used, name
    return used


def _check_sortable(
    entries: Sequence, part: str, ids: Collection[Hashable], findings: Findings
) -> None:
    """``COCOeval`` sorts the ids: they must be all numbers or all strings."""
    kind = str if all(isinstance(number, str) for number in ids) else (int, float)
    for i, entry in enumerate(entries):
        if entry['id'] in ids and not isinstance(entry['id'], kind):
            reason = f': id is {format_value(entry["id"])}; expected an integer'
            findings.add_error(part, i, f'{reason}, as the metric sorts them')


def _check_anything_left(content: Mapping, checker: AnnotationChecker, path: str) -> None:
    """Raise a UserError if mmdet would leave every image or annotation out."""
    use = checker.use
    if content.get('annotations') and not any(checker.category_ids.values()):
        names = [category['name'] for category in content['categories']]
        raise UserError(
            f'{path}: none of its categories {format_value(names)} is a class of the '
            f'dataset: {format_value(list(use.classes or []))}. Set metainfo.classes of '
            'the dataset to the names in the file.'
        )
    if use.trains and content.get('annotations') and (
        checker.annotated.isdisjoint(checker.sizes)
    ):  # fmt: skip
        first = content['annotations'][0]
        raise UserError(
            f'{path}: no annotation belongs to an image and a class: the first has '
            f'image_id {format_value(first["image_id"])} and category_id '
            f'{format_value(first["category_id"])}. Compare with the ids of images and '
            'categories; "1" and 1 are different ids.'
        )
    if not any(True for _ in find_used_images(checker)):
        reason = f'images with a side shorter than {use.min_size} pixels'
        if use.filter_empty:
            reason += ' and images without annotations of its classes'
        raise UserError(
            f'{path}: none of its {len(checker.sizes)} images is left: the dataset '
            f'leaves out {reason}. Check the file, and filter_cfg of the dataset.'
        )
