"""What files in COCO's format hold, and whether their images are as they say."""

import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from mmengine.config import Config

from ...compat.coco_categories import order_category_ids
from ...errors import UserError
from ..config.annotation_files import group_coco_uses
from ..config.class_names import find_name_errors
from ..config.coco_annotations import (
    check_coco,
    find_annotated,
    list_categories,
    load_coco,
)
from ..config.coco_entries import CocoUse
from ..config.mistakes import MistakeReport
from .dataset_files import describe_missing_files
from .images import SizeComparison, iter_sample
from .rows import DataScan, find_largest


@dataclass
class ScanOptions:
    """How much a scan does.

    Attributes:
        everything (bool): Whether it looks at every image, however long that takes.
        counts (bool): Whether it counts labels and compares sizes at all.
    """

    everything: bool = False
    counts: bool = True


def scan_coco_files(
    cfg: Config, loaders: tuple[str, ...], report: MistakeReport, options: ScanOptions
) -> list[DataScan]:
    """Check the files in COCO's format that a run reads, and count what they hold.

    Args:
        cfg (Config): The config.
        loaders (tuple[str, ...]): Names of the data loaders that will be used.
        report (MistakeReport): Receives what is wrong.
        options (ScanOptions): How much to do.

    Returns:
        list[DataScan]: A row for each dataset that reads such a file.
    """
    rows: list[DataScan] = []
    names = NameComparison()
    listed: dict[str, list[tuple[str, Mapping]]] = {}
    for path, uses in group_coco_uses(cfg, loaders).items():
        try:
            content = load_coco(path)
        except UserError as error:
            report.add_error('', f'{uses[0].place}.ann_file {error}')
            continue
        annotated = find_annotated(content)
        for use in uses:
            agrees = names.compare(path, content, use, annotated)
            if not agrees and 'class-names' not in report.skipped:
                continue
            if not _is_readable(path, content, use, report):
                continue
            images = {
                image['id']: os.path.basename(image['file_name'])
                for image in content['images']
            }
            listed.setdefault(use.get_part(), []).append((path, images))
            if options.counts and not use.evaluates:
                rows.append(scan_coco(path, content, use, annotated, options))
    names.report_to(report)
    _compare_with_evaluators(listed, report)
    return rows


class NameComparison:
    """Compares classes with the categories of files; says once what several share."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}
        self.notes: dict[str, list[str]] = {}

    def compare(self, path: str, content: Mapping, use: CocoUse, annotated: set) -> bool:
        """Compare a use with its file.

        Args:
            path (str): The file.
            content (Mapping): Its content.
            use (CocoUse): What a run takes from it.
            annotated (set): Ids of its categories that have annotations.

        Returns:
            bool: Whether every class has a category of its own, or no boxes.
        """
        if use.classes is None:
            return True
        categories = [(one['id'], one['name']) for one in list_categories(content)]
        error, note = find_name_errors(use.classes, categories, annotated)
        for texts, text in ((self.errors, error), (self.notes, note)):
            if text:
                texts.setdefault(text, []).append(f'{use.place} with {path}')
        return error is None

    def report_to(self, report: MistakeReport) -> None:
        """Add what was found to a report."""
        for text, places in self.errors.items():
            report.add_error(
                'class-names',
                f'{", ".join(places)}: {text}\nWrite metainfo.classes of the dataset '
                "with the file's own names, each once.",
            )
        for text, places in self.notes.items():
            report.add_warning('class-names', f'{", ".join(places)}: {text}')


def _is_readable(
    path: str, content: Mapping, use: CocoUse, report: MistakeReport
) -> bool:
    """Whether mmdet can read everything that it takes from a file."""
    try:
        findings = check_coco(path, content, [use])
    except UserError as error:
        report.add_error('', str(error))
        return False
    for text in findings.format_warnings():
        report.add_warning('data-scan', text)
    return True


def scan_coco(
    path: str, content: Mapping, use: CocoUse, annotated: set, options: ScanOptions
) -> DataScan:
    """Count the boxes of a file as mmdet reads them, and compare the sizes of images.

    Args:
        path (str): The file.
        content (Mapping): Its content, which has been checked.
        use (CocoUse): What a dataset takes from it.
        annotated (set): Ids of its categories that have annotations.
        options (ScanOptions): How much to do.

    Returns:
        DataScan: The row.
    """
    loader = use.get_part().partition('_')[0]
    images = {image['id']: image for image in content['images']}
    row = DataScan(
        use.place, loader, use.dataset, path, 'boxes', len(images), len(images)
    )
    names = list(use.classes or [entry['name'] for entry in content['categories']])
    ids = order_category_ids(names, content['categories'], annotated.__contains__)
    labels = dict(zip(ids or [], names))
    row.classes = dict.fromkeys(map(str, names), 0)
    crowds = left_out = beyond = 0
    are_corners = True
    corners: dict[Hashable, tuple[float, float]] = {}
    annotated_images = set()
    for entry in content.get('annotations', []):
        image = images.get(entry['image_id'])
        name = labels.get(entry['category_id'])
        if image is None or name is None:
            continue
        annotated_images.add(image['id'])
        if entry.get('ignore'):
            continue
        x, y, width, height = entry['bbox']
        is_inside = min(x + width, image['width']) > max(x, 0) and (
            min(y + height, image['height']) > max(y, 0)
        )
        if not is_inside or width < 1 or height < 1 or entry.get('area', 1) <= 0:
            left_out += 1
            continue
        bottom, right = corners.get(image['id'], (0, 0))
        corners[image['id']] = max(bottom, y + height), max(right, x + width)
        if x + width > image['width'] + 1 or y + height > image['height'] + 1:
            beyond += 1
        are_corners &= width > x and height > y
        if entry.get('iscrowd'):
            crowds += 1
        else:
            row.classes[str(name)] += 1
    row.largest = find_largest(row.classes.values())
    total = sum(row.classes.values())
    row.ignored = crowds / (crowds + total) if crowds else 0.0
    if left_out:
        row.warn(
            'data-scan',
            f'{left_out} of {left_out + crowds + total} boxes have no area or lie '
            'outside of their image; mmdet leaves them out',
        )
    if beyond and are_corners:
        row.warn(
            'data-scan',
            f'{beyond} boxes reach beyond their image, and all would fit as x1, y1, x2, '
            'y2. COCO has x, y, width, height: check bbox',
        )
    names_seen = Counter(str(image['file_name']) for image in images.values())
    twice = [name for name, count in names_seen.items() if count > 1]
    if twice:
        row.warn(
            'data-scan',
            f'{len(twice)} images are listed more than once, such as {twice[0]}; each '
            'entry has its own boxes only, and the others count as background',
        )
    row.judge_counts()
    read = [
        image
        for number, image in images.items()
        if min(image['height'], image['width']) >= use.min_size
        and (number in annotated_images or not use.filter_empty)
    ]
    _compare_sizes(row, read, corners, use, options)
    return row


def _compare_sizes(
    row: DataScan,
    entries: Sequence[Mapping],
    corners: Mapping[Hashable, tuple[float, float]],
    use: CocoUse,
    options: ScanOptions,
) -> None:
    paths = [os.path.join(use.folder, entry['file_name']) for entry in entries]
    missing = describe_missing_files(enumerate(paths), row.source)
    if missing:
        row.errors.append(('', missing))
        return
    sizes = SizeComparison(use.turns)
    for i in iter_sample(len(entries), options.everything):
        entry = entries[i]
        listed = entry['height'], entry['width']
        sizes.compare(paths[i], listed, corners.get(entry['id'], (0, 0)))
    if sizes.misplaced:
        remedy = (
            'Turn the images themselves (such as by "exiftran -ai" or '
            'PIL.ImageOps.exif_transpose), or export the annotations for the turned ones'
            if 'EXIF' in sizes.misplaced[0]
            else 'Give the images that size, or export the annotations for their own'
        )
        row.refuse(
            'image-size',
            f'{sizes.describe(sizes.misplaced)}: boxes are in the wrong place. {remedy}.',
        )
    if sizes.odd:
        row.warn(
            'image-size',
            f'{sizes.describe(sizes.odd)}. Check that boxes are where the objects are',
        )


def _compare_with_evaluators(
    listed: Mapping[str, list[tuple[str, Mapping]]], report: MistakeReport
) -> None:
    """A metric must know the images of its dataset, under the same ids."""
    for loader in ('val', 'test'):
        datasets = listed.get(f'{loader}_dataloader', [])
        metrics = listed.get(f'{loader}_evaluator', [])
        if len(datasets) != 1 or len(metrics) != 1:
            continue
        (path, images), (other_path, others) = datasets[0], metrics[0]
        if path == other_path:
            continue
        place = f'{loader}_evaluator.ann_file {other_path}'
        unknown = [name for number, name in images.items() if number not in others]
        renamed = [n for n, name in images.items() if others.get(n, name) != name]
        advice = f'Give {loader}_evaluator the file of {loader}_dataloader, {path}.'
        if unknown:
            report.add_error(
                'evaluator-file',
                f'{place} lacks {len(unknown)} of {len(images)} images of '
                f'{loader}_dataloader, such as {unknown[0]}. {advice}',
            )
        elif renamed:
            number = renamed[0]
            report.add_error(
                'evaluator-file',
                f'{place} has other images: id {number} is {others[number]} there, and '
                f'{images[number]} in {path}. {advice}',
            )
        elif len(others) > len(images):
            report.add_warning(
                'evaluator-file',
                f'{place} has {len(others)} images, {loader}_dataloader {len(images)}: '
                'objects of the others count as missed',
            )
