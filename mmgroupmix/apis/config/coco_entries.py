"""Checks of single annotations in COCO's format."""

import re
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from .findings import Findings, describe_entry, find_missing_key, is_hashable
from .mask_annotations import (
    MAX_COORDINATE,
    find_compressed_errors,
    find_mask_error,
    find_run_length_error,
    format_value,
    has_short_polygons,
    is_number,
)

#: Characters of compressed run lengths that are decoded at once.
BATCH_CHARACTERS = 1_000_000
WARNINGS = dict(
    image_id='is not the id of an image; the annotation is left out',
    category_id='is not the id of a category; the annotation is left out',
    id='is what pycocotools takes for "not matched": who finds the object scores less. '
    'Number annotations from 1',
    segmentation='has a polygon with fewer than three points or an odd number of '
    'coordinates; mmdet leaves the polygon out',
)


@dataclass(frozen=True)
class CocoUse:
    """What a run takes from an annotation file.

    Attributes:
        classes (tuple, optional): Names of the classes in use; None for all categories.
        masks (bool): Whether it decodes the masks. Defaults to False.
        evaluates (bool): Whether it is a metric that compares with the annotations, and
            not a dataset. Defaults to False.
        trains (bool): Whether it is a dataset to train on. Defaults to False.
        filter_empty (bool): Whether images without annotations are left out. Defaults to
            False.
        min_size (float): Images with a shorter side are left out. Defaults to 0.
        place (str): The dataset or metric in the config. Defaults to ''.
        dataset (str): Type of the dataset or metric. Defaults to ''.
        folder (str): Folder of the images. Defaults to ''.
        turns (bool): Whether images are turned as their EXIF orientation says. Defaults
            to True.
    """

    classes: tuple | None = None
    masks: bool = False
    evaluates: bool = False
    trains: bool = False
    filter_empty: bool = False
    min_size: float = 0
    place: str = ''
    dataset: str = ''
    folder: str = ''
    turns: bool = True

    def get_part(self) -> str:
        """The loader or evaluator that the use belongs to, such as 'val_dataloader'."""
        return re.split(r'[.\[]', self.place, maxsplit=1)[0]


class AnnotationChecker:
    """Checks the annotations of a file for one use.

    Args:
        sizes (Mapping): Height and width of each image, by id.
        category_ids (Mapping): Whether a category is in use, by id.
        use (CocoUse): What a run takes from the file.
        findings (Findings): Receives errors and warnings.

    Attributes:
        annotated (set): Ids of the images that have an annotation of a category in use,
            after :meth:`check`.
    """

    def __init__(
        self,
        sizes: Mapping[Hashable, tuple],
        category_ids: Mapping[Hashable, bool],
        use: CocoUse,
        findings: Findings,
    ):
        self.sizes = sizes
        self.category_ids = category_ids
        self.use = use
        self.findings = findings
        self.annotated: Set = set()
        self._compressed: list[tuple[int, str, int]] = []
        self._num_characters = 0

    def check(self, annotations: Sequence) -> None:
        """Check every annotation.

        Args:
            annotations (Sequence): The list of the file.
        """
        find_error = (
            self._find_evaluation_error
            if self.use.evaluates
            else self._find_training_error
        )
        sizes, category_ids, annotated = self.sizes, self.category_ids, set()
        seen = set()
        for i, entry in enumerate(annotations):
            try:
                number, image_id, category = (
                    entry['id'],
                    entry['image_id'],
                    entry['category_id'],
                )
                size, used = sizes.get(image_id), category_ids.get(category)
                repeated = number in seen
            except (KeyError, TypeError):
                self.findings.add_error('annotations', i, _find_id_error(entry))
                continue
            if used:
                annotated.add(image_id)
            elif used is None:
                self._warn(i, entry, 'category_id')
            if size is None:
                self._warn(i, entry, 'image_id')
                continue
            seen.add(number)
            reason = (
                ': an annotation before it has the same id; expected unique ids'
                if repeated
                else find_error(i, entry, size, bool(used))
            )
            if reason:
                self.findings.add_error('annotations', i, reason)
        self._check_compressed()
        self.annotated = annotated

    def _find_training_error(
        self, index: int, entry: Mapping, size: tuple, used: bool
    ) -> str | None:
        """Follow ``CocoDataset.parse_data_info`` through the entry."""
        if entry.get('ignore'):
            return None
        reason = find_box_error(entry)
        if reason:
            return reason
        x, y, width, height = entry['bbox']
        if self.use.trains and min(size) <= 0:
            return f': its image is {size[1]} x {size[0]} pixels, so that no box is in it'
        if (
            min(x + width, size[1]) <= max(x, 0)
            or min(y + height, size[0]) <= max(y, 0)
        ):  # fmt: skip
            return None
        if not is_number(entry.get('area')):
            return _describe_value(entry, 'area', 'a number of pixels')
        if entry['area'] <= 0 or width < 1 or height < 1 or not used:
            return None
        if max(x, y, width, height, -x, -y) > MAX_COORDINATE:
            return _describe_value(entry, 'bbox', f'at most {MAX_COORDINATE} pixels')
        if not isinstance(entry.get('iscrowd'), (int, float, type(None))):
            return _describe_value(entry, 'iscrowd', '0 or 1')
        return self._find_mask_error(index, entry, size)

    def _find_evaluation_error(
        self, index: int, entry: Mapping, size: tuple, used: bool
    ) -> str | None:
        """Follow ``COCOeval`` through the entry."""
        if not used:
            return None
        for key, expected in (
            ('id', 'an integer'),
            ('iscrowd', '0 or 1'),
            ('area', 'a number of pixels'),
        ):
            if not is_number(entry.get(key)):
                return _describe_value(entry, key, expected)
        if entry['id'] == 0:
            self._warn(index, entry, 'id')
        if not 0 <= entry['iscrowd'] <= 255:  # the metric keeps it in a byte
            return _describe_value(entry, 'iscrowd', '0 or 1')
        return find_box_error(entry) or self._find_mask_error(index, entry, size)

    def _find_mask_error(self, index: int, entry: Mapping, size: tuple) -> str | None:
        mask = entry.get('segmentation')
        if not self.use.masks:
            reason = mask and isinstance(mask, list) and find_mask_error(mask, size)
            if reason:
                text = f'segmentation{reason}. This run loads no masks'
                self._warn(index, entry, 'unused', text)
            return None
        if not mask:
            return (
                _describe_value(entry, 'segmentation', 'polygons or run lengths')
                + ', since masks are loaded'
            )
        if self.use.evaluates and min(size) <= 0:
            return f': its image is {size[1]} x {size[0]} pixels'
        if isinstance(mask, list):
            reason = find_mask_error(mask, size, not self.use.evaluates)
            if reason is None and has_short_polygons(mask):
                self._warn(index, entry, 'segmentation')
        else:
            reason = find_run_length_error(mask, size)
            if reason is None and isinstance(mask['counts'], str):
                num_pixels = int(size[0] * size[1])
                self._compressed.append((index, mask['counts'], num_pixels))
                self._num_characters += len(mask['counts'])
                if self._num_characters > BATCH_CHARACTERS:
                    self._check_compressed()
        return f': segmentation{reason}' if reason else None

    def _check_compressed(self) -> None:
        if self._compressed:
            indices, texts, num_pixels = zip(*self._compressed)
            for i, reason in find_compressed_errors(texts, num_pixels):
                reason = f': segmentation{reason}'
                self.findings.add_error('annotations', indices[i], reason)
        self._compressed, self._num_characters = [], 0

    def _warn(self, index: int, entry: Mapping, key: str, text: str = '') -> None:
        self.findings.add_warning(
            key,
            lambda: (
                f'{describe_entry("annotations", index, entry)}: '
                + (text or f'{key} {format_value(entry[key])} {WARNINGS[key]}')
            ),
        )


def find_box_error(entry: Mapping) -> str | None:
    """Say what is wrong with 'bbox' of an annotation: it must be four finite numbers."""
    try:
        x, y, width, height = entry['bbox']
        # NaN fails the comparison.
        if abs(x) + abs(y) + abs(width) + abs(height) <= MAX_COORDINATE:
            return None
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    box = entry.get('bbox')
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        return _describe_value(entry, 'bbox', 'four finite numbers x, y, width, height')
    return None


def _find_id_error(entry: Any) -> str:
    keys = ('id', 'image_id', 'category_id')
    reason = find_missing_key(entry, keys)
    if reason:
        return reason
    key = next(key for key in keys if not is_hashable(entry[key]))
    return _describe_value(entry, key, 'an integer')


def _describe_value(entry: Mapping, key: str, expected: str) -> str:
    if key not in entry:
        return f' has no {key}; expected {expected}'
    return f': {key} is {format_value(entry[key])}; expected {expected}'
