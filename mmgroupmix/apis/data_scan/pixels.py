"""The pixels of label maps, counted by class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import UserError
from .dataset_files import describe_missing_files
from .images import iter_sample, read_size
from .labels import IGNORED_LABEL, AllowedLabels
from .loading import load_and_check, resizes_labels
from .rows import DataScan, name_classes

#: Labels of a map are bytes.
NUM_LABELS = 256


def scan_label_maps(
    dataset: Any,
    row: DataScan,
    labels: AllowedLabels,
    later_steps: Sequence,
    turns: bool,
    everything: bool,
) -> None:
    """Count the pixels of each class, and find labels that cannot be meant.

    Args:
        dataset (Any): A dataset of mmseg whose only transform loads label maps.
        row (DataScan): The row, changed in place.
        labels (AllowedLabels): What the model accepts.
        later_steps (Sequence): Configs of the transforms after the one that loads.
        turns (bool): Whether images are turned by their EXIF orientation.
        everything (bool): Whether to look at every label map.
    """
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
            is_resized = resizes_labels(later_steps)
            loaded = load_and_check(steps[0], info, is_resized=is_resized) or {}
        except UserError as error:
            broken.append(str(error))
            continue
        label_map = np.asarray(loaded.get('gt_seg_map', np.zeros((0, 0), np.uint8)))
        here = np.bincount(label_map.ravel().astype(np.uint8), minlength=NUM_LABELS)
        for label in np.flatnonzero(here).tolist():
            first_with.setdefault(label, info['seg_map_path'])
        counts += here
    if broken:
        count = f'{len(broken)} of {row.scanned} label maps cannot be used. The first: '
        row.errors.append(('label-maps', count + broken[0]))
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
    row.largest = max((n for n in first_with if not is_ignored[n]), default=-1)
    beyond = [label for label in first_with if label >= number and not is_ignored[label]]
    if number and beyond:
        text = (
            f'label {beyond[0]} in {first_with[beyond[0]]}: the model and the dataset '
            f'have {number} classes, so labels must be 0 to {number - 1}'
            + (f', or {labels.ignored}, which is ignored' if labels.ignored else '')
            + '. Check num_classes of the heads, metainfo.classes and reduce_zero_label.'
        )
        if labels.stops:
            row.refuse('label-range', text)
        else:  # what is predicted there counts as wrong
            row.warn('label-range', text)
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
