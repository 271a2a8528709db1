"""What datasets hold that are built to be read: label maps, class folders, XML files."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmengine.registry import DATASETS

from ..config.class_names import find_name_errors
from ..config.mistakes import MistakeReport
from ..config.tree import turns_images, type_name, walk
from .build_errors import describe_build_error
from .images import SizeComparison, count_suffixes, iter_sample
from .labels import AllowedLabels
from .pixels import scan_label_maps
from .rows import DataScan, find_largest, name_classes


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
        reason = describe_build_error(error)
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
        if not dataset.pipeline.transforms:
            return None  # its pipeline loads no label maps
        steps = list(leaf.get('pipeline') or [])
        loaders = [
            i for i, step in enumerate(steps) if type_name(step) == 'LoadAnnotations'
        ]
        later = steps[loaders[0] + 1 :] if loaders else []
        scan_label_maps(dataset, row, labels, later, turns, everything)
    elif 'gt_label' in info:
        _scan_labels(dataset, row, labels, everything)
    elif 'instances' in info:
        _scan_boxes(dataset, row, turns, everything)
    else:
        return None
    if not row.errors:
        row.judge_counts()
    return row


def _scan_labels(
    dataset: Any, row: DataScan, labels: AllowedLabels, everything: bool
) -> None:
    """Count the classes of images; an image may have several."""
    row.unit = 'images'
    classes = dataset.metainfo.get('classes')
    beyond = ''
    counts: dict[int, int] = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        for label in np.atleast_1d(np.asarray(info['gt_label'])).ravel().tolist():
            label = int(label)
            counts[label] = counts.get(label, 0) + 1
            if not 0 <= label < (labels.number or label + 1):
                text = (
                    f'{info.get("img_path")} has label {label}, and the model '
                    f'{labels.number} outputs. Check num_classes of the head.'
                )
                if labels.stops:
                    row.refuse('label-range', text)
                    return
                beyond = beyond or text
    if beyond:
        row.warn('label-range', f'{beyond} Such images count as wrong.')
    row.scanned = len(dataset)
    row.largest = max(counts, default=-1)
    number = row.largest + 1
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
    row.largest = find_largest(counts)
    row.ignored = ignored / (sum(counts) + ignored) if ignored else 0.0
    if found:
        categories = [(name, name) for name in sorted(found)]
        error, _ = find_name_errors(classes, categories, found, is_listed=False)
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
        wrong = [name for name, n in other.items() if first.get(name, n) != n]
        new = [name for name in other if name not in first]
        if new and not wrong:
            report.add_warning(
                'class-names',
                f'{place} has folders that {first_place} lacks: {", ".join(new)}. They '
                'are not learned',
            )
        if wrong:
            report.add_error(
                'class-names',
                f'{place} and {first_place} number their class folders differently, such '
                f'as {wrong[0]}: {", ".join(other)} there, {", ".join(first)} here. Give '
                'both the same folders (an empty one for a class without images).',
            )
