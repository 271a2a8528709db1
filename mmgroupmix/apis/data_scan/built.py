"""What datasets hold that are built to be read: label maps, class folders, XML files."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmengine.registry import DATASETS

from ...errors import UserError
from ..config.class_names import find_name_errors
from ..config.mistakes import MistakeReport
from ..config.tree import turns_images, type_name, walk
from .dataset_files import (
    describe_loading_error,
    describe_missing_files,
    is_raised_by_toolbox,
)
from .images import SizeComparison, count_suffixes, iter_sample, read_size
from .labels import IGNORED_LABEL, AllowedLabels
from .loading import load_and_check
from .rows import DataScan, name_classes

#: Labels of a map are bytes.
NUM_LABELS = 256


def build_dataset(leaf: Mapping, report: MistakeReport, place: str) -> Any:
    """Build a dataset with no other transform than the one that loads label maps.

    Args:
        leaf (Mapping): Its config.
        report (MistakeReport): Receives the reason if it cannot be read.
        place (str): Its place in the config.

    Returns:
        Any: The dataset, or None.
    """
    config: dict = deepcopy(dict(leaf))
    steps = [
        s for _, s in walk(config.get('pipeline')) if type_name(s) == 'LoadAnnotations'
    ]
    config['pipeline'] = steps[:1]
    try:
        dataset = DATASETS.build(config)
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
        return dataset
    except Exception:
        # Not the fault of the data, if it can be built with all of its pipeline.
        return _explain_failure(leaf, config, report, place)


def _explain_failure(
    leaf: Mapping, config: dict, report: MistakeReport, place: str
) -> None:
    try:
        DATASETS.build(deepcopy(dict(leaf)))
    except Exception as error:
        reason = describe_loading_error(error)
        if reason is None and is_raised_by_toolbox(error):
            reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
        if reason:  # an error in a class of the user's own keeps its traceback
            hint = _find_other_suffix(config)
            report.add_error('', f'{place} cannot be read: {reason}{hint}')


def _find_other_suffix(leaf: Mapping) -> str:
    """The suffixes that are there, for a dataset that finds no image."""
    try:
        dataset = DATASETS.build(dict(leaf, lazy_init=True, pipeline=[]))
        suffix, folder = dataset.img_suffix, dataset.data_prefix['img_path']
    except Exception:
        return ''
    names = [name for _, _, files in os.walk(folder) for name in files]
    if not names or any(name.endswith(suffix) for name in names):
        return ''
    return (
        f' No file below {folder} ends with img_suffix {suffix!r}: there are '
        f'{count_suffixes(names)}. Set img_suffix of the dataset.'
    )


def scan_built(
    dataset: Any, leaf: Mapping, place: str, labels: AllowedLabels, everything: bool
) -> DataScan | None:
    """Count the labels of a dataset.

    Args:
        dataset (Any): What :func:`build_dataset` returned.
        leaf (Mapping): Its config.
        place (str): Its place in the config.
        labels (AllowedLabels): What the model accepts.
        everything (bool): Whether to look at every image, however long that takes.

    Returns:
        DataScan | None: The row; None for a kind of dataset that is not known.
    """
    if not len(dataset):
        return None
    info = dataset.get_data_info(0)
    source = str(getattr(dataset, 'ann_file', '') or _find_folder(info))
    loader = place.partition('_')[0]
    row = DataScan(place, loader, type_name(leaf), source, '', images=len(dataset))
    turns = turns_images(leaf.get('pipeline'))
    if 'seg_map_path' in info and 'instances' not in info:
        _scan_label_maps(dataset, row, labels, turns, everything)
    elif 'gt_label' in info:
        _scan_labels(dataset, row, labels, everything)
    elif 'instances' in info:
        _scan_boxes(dataset, row, turns, everything)
    else:
        return None
    if not row.errors:
        row.judge_counts()
    return row


def _scan_label_maps(
    dataset: Any, row: DataScan, labels: AllowedLabels, turns: bool, everything: bool
) -> None:
    row.unit = 'pixels'
    paths = list(_iter_label_maps(dataset))
    missing = describe_missing_files(paths, dataset.ann_file)
    if missing:
        row.errors.append(('', missing))
        return
    steps = dataset.pipeline.transforms
    if not paths or not steps:
        return
    counts = np.zeros(NUM_LABELS, np.int64)
    broken: list[str] = []
    first_with: dict[int, str] = {}
    for i in iter_sample(len(dataset), everything):
        info = dataset.get_data_info(i)
        size = read_size(info['img_path'], turns)
        if size:
            info['ori_shape'] = size[:2]
        row.scanned += 1
        try:
            loaded = load_and_check(steps[0], info) or {}
        except UserError as error:
            broken.append(str(error))
            continue
        label_map = np.asarray(loaded.get('gt_seg_map', np.zeros((0, 0), np.uint8)))
        here = np.bincount(label_map.ravel().astype(np.uint8), minlength=NUM_LABELS)
        for label in np.flatnonzero(here).tolist():
            first_with.setdefault(label, info['seg_map_path'])
        counts += here
    if broken:
        more = f' {len(broken)} of {row.scanned} label maps are like it.'
        row.errors.append(('label-maps', broken[0] + more))
    _judge_labels(row, counts, first_with, labels, dataset.metainfo.get('classes'))


def _judge_labels(
    row: DataScan,
    counts: np.ndarray,
    first_with: Mapping[int, str],
    labels: AllowedLabels,
    classes: Sequence[str] | None,
) -> None:
    """Divide pixels into those of classes, ignored ones, and labels without a class."""
    number = max(len(classes or ()), labels.number or 0)
    total = int(counts.sum())
    is_ignored = [label == labels.ignored for label in range(NUM_LABELS)]
    shown = len(classes) if classes else number
    names = list(name_classes(classes, shown))
    row.classes = {
        name: int(counts[label])
        for label, name in enumerate(names)
        if label < NUM_LABELS and not is_ignored[label]
    }
    if total and labels.ignored is not None:
        row.ignored = int(counts[labels.ignored]) / total
    beyond = [label for label in first_with if label >= number and not is_ignored[label]]
    if number and beyond:
        row.refuse(
            'label-range',
            f'label {beyond[0]} in {first_with[beyond[0]]}: the model and the dataset '
            f'have {number} classes, so labels must be 0 to {number - 1}'
            + (f', or {labels.ignored}, which is ignored' if labels.ignored else '')
            + '. Check num_classes of the heads, metainfo.classes and reduce_zero_label.',
        )
    if set(first_with) == {0, IGNORED_LABEL} and labels.ignored == IGNORED_LABEL:
        row.warn(
            'data-scan',
            'the label maps hold 0 and 255 only, and 255 is ignored. If 255 marks the '
            'objects, write 1 instead',
        )


def _iter_label_maps(dataset: Any) -> Iterator[tuple[int, str]]:
    for i in range(len(dataset)):
        path = dataset.get_data_info(i).get('seg_map_path')
        if isinstance(path, str) and '://' not in path:
            yield i, path


def _scan_labels(
    dataset: Any, row: DataScan, labels: AllowedLabels, everything: bool
) -> None:
    """Count the classes of images; an image may have several."""
    row.unit = 'images'
    classes = dataset.metainfo.get('classes')
    counts: dict[int, int] = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        for label in np.atleast_1d(np.asarray(info['gt_label'])).ravel().tolist():
            label = int(label)
            counts[label] = counts.get(label, 0) + 1
            if not 0 <= label < (labels.number or label + 1):
                row.refuse(
                    'label-range',
                    f'{info.get("img_path")} has label {label}, and the model '
                    f'{labels.number} outputs. Check num_classes of the head.',
                )
                return
    row.scanned = len(dataset)
    number = max(counts, default=-1) + 1
    names = list(name_classes(classes, max(number, len(classes or ()))))
    row.classes = {name: counts.get(label, 0) for label, name in enumerate(names)}


def _scan_boxes(dataset: Any, row: DataScan, turns: bool, everything: bool) -> None:
    """Count boxes, and compare the names and sizes in XML files, where there are any."""
    row.unit = 'boxes'
    classes = list(dataset.metainfo.get('classes') or ())
    counts, ignored = [0] * len(classes), 0
    sizes, found = SizeComparison(turns), set()
    for i in iter_sample(len(dataset), everything):
        info = dataset.get_data_info(i)
        row.scanned += 1
        corner = [0.0, 0.0]
        for instance in info['instances']:
            label, box = instance['bbox_label'], instance['bbox']
            corner = [max(corner[0], box[3]), max(corner[1], box[2])]
            if instance.get('ignore_flag'):
                ignored += 1
            elif label < len(counts):
                counts[label] += 1
        if info.get('height') and info.get('width'):
            listed = info['height'], info['width']
            sizes.compare(info['img_path'], listed, (corner[0], corner[1]))
        if info.get('xml_path'):
            objects = ElementTree.parse(info['xml_path']).getroot().findall('object')
            found |= {one.findtext('name') or '' for one in objects}
    row.classes = dict(zip(map(str, classes), counts))
    row.ignored = ignored / (sum(counts) + ignored) if ignored else 0.0
    if found:
        categories = [(name, name) for name in sorted(found)]
        error, _ = find_name_errors(classes, categories, found)
        if error:
            row.refuse('class-names', error)
    for texts, report in ((sizes.misplaced, row.refuse), (sizes.odd, row.warn)):
        if texts:
            text = f'{sizes.describe(texts)}. Check where the boxes are.'
            report('image-size', text)


def _find_folder(info: Mapping) -> str:
    return os.path.dirname(str(info.get('seg_map_path') or info.get('img_path') or ''))


def compare_folders(datasets: Sequence[tuple[str, Any]], report: MistakeReport) -> None:
    """Compare the numbers that class folders get in training and elsewhere.

    Args:
        datasets (Sequence[tuple[str, Any]]): Place in the config and dataset.
        report (MistakeReport): Receives folders that would get different numbers.
    """
    folders = [
        (place, dict(dataset.folder_to_idx))
        for place, dataset in datasets
        if getattr(dataset, 'folder_to_idx', None)
    ]
    for place, dataset in datasets:
        classes = list(getattr(dataset, 'metainfo', {}).get('classes') or ())
        wrong = [
            name
            for name, number in (getattr(dataset, 'folder_to_idx', None) or {}).items()
            if name in classes and classes[number : number + 1] != [name]
        ]
        if wrong:
            report.add_error(
                'class-names',
                f'{place}: folders are numbered in alphabetical order, '
                f'{", ".join(wrong)}, and metainfo.classes names them in another: '
                f'{", ".join(classes)}. List the classes in the order of the folders.',
            )
    for place, other in folders[1:]:
        first_place, first = folders[0]
        wrong = [name for name, number in other.items() if first.get(name) != number]
        if wrong:
            report.add_error(
                'class-names',
                f'{place} and {first_place} number their class folders differently, such '
                f'as {wrong[0]}: {", ".join(other)} there, {", ".join(first)} here. Give '
                'both the same folders (an empty one for a class without images).',
            )
