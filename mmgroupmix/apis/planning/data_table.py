"""The data of a run: which files are there, how many images, how many classes."""

import math
import os
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from ..config.preflight import dataset_paths
from ..config.tree import leaf_datasets, type_name
from ..tasks import Task
from .failures import describe_error

#: Images of the published datasets: type, part of the path that names the split, number.
#: mmdetection drops the 1021 training images of COCO that have no box.
PUBLISHED_IMAGES = (
    ('ADE20KDataset', 'training', 20210),
    ('ADE20KDataset', 'validation', 2000),
    ('CocoDataset', 'train2017', 117266),
    ('CocoDataset', 'val2017', 5000),
    ('ImageNet', 'train', 1281167),
    ('ImageNet', 'val', 50000),
    ('PascalVOCDataset', 'trainval.txt', 2913),
    ('PascalVOCDataset', 'train.txt', 1464),
    ('PascalVOCDataset', 'aug.txt', 9118),
    ('PascalVOCDataset', 'val.txt', 1449),
    ('CityscapesDataset', 'train', 2975),
    ('CityscapesDataset', 'val', 500),
)


#: What mmengine says of a dataset without an image.
EMPTY_DATASET = 'need at least one array to concatenate'


@dataclass
class DataRow:
    """One dataset on disk.

    Attributes:
        loader (str): 'train' or 'val'.
        name (str): Type of the dataset.
        num_images (int, optional): None if unknown.
        is_published (bool): Whether ``num_images`` is that of the published dataset,
            because the files could not be read.
        num_classes (int, optional): Of the dataset; None if it does not name them.
        seconds (float, optional): Time to read the annotations of the whole loader.
        paths (list[tuple[str, str]]): Path and 'found', or what is wrong with it.
    """

    loader: str
    name: str
    num_images: int | None = None
    is_published: bool = False
    num_classes: int | None = None
    seconds: float | None = None
    paths: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class LoaderData:
    """The data of one loader.

    Attributes:
        rows (list[DataRow]): One per dataset on disk.
        num_images (int, optional): Images of an epoch, repetitions included.
        problems (list[str]): Why it cannot be read, if it cannot.
    """

    rows: list[DataRow]
    num_images: int | None
    problems: list[str]


def inspect_data(cfg: Config, task: Task, loader: str) -> LoaderData:
    """Look for the files of a loader and read its annotations, as a run would.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        loader (str): Such as 'train_dataloader'.

    Returns:
        LoaderData: The datasets, and what is wrong with them.
    """
    dataset = (cfg.get(loader) or {}).get('dataset')
    rows: list[DataRow] = []
    problems: list[str] = []
    scope = cfg.get('default_scope') or task.toolbox
    with DefaultScope.overwrite_default_scope(scope):
        for _, leaf in leaf_datasets(dataset, f'{loader}.dataset'):
            row = DataRow(loader.partition('_')[0], type_name(leaf))
            row.paths = [(path, _state(path)) for path in dataset_paths(leaf)]
            row.num_images, row.is_published = _published_images(leaf), True
            row.num_classes = _count_classes(leaf)
            rows.append(row)
        if not rows or any(s != 'found' for row in rows for _, s in row.paths):
            return LoaderData(rows, published_length(dataset), problems)
        start = time.perf_counter()
        try:
            built = DATASETS.build(deepcopy(dataset))
            if hasattr(built, 'full_init'):
                built.full_init()
        except Exception as error:
            if EMPTY_DATASET in str(error):
                problems.append(_describe_empty(loader, rows[0]))
            else:
                reason = describe_error(error)
                problems.append(f'{loader}.dataset cannot be read: {reason}')
            return LoaderData(rows, published_length(dataset), problems)
    rows[0].seconds = time.perf_counter() - start
    leaves = list(_built_leaves(built))
    for row, leaf in zip(rows, leaves):
        row.num_images, row.is_published = len(leaf), False
        row.num_classes = _names_classes(getattr(leaf, 'metainfo', {}))
        if not len(leaf):
            problems.append(_describe_empty(loader, row))
    return LoaderData(rows, len(built), problems)


def published_length(dataset: Any) -> int | None:
    """Images of an epoch of the published dataset, through wrappers.

    Args:
        dataset (dict | list): Config of a dataset.

    Returns:
        int | None: None for data that are not in ``PUBLISHED_IMAGES``.
    """
    if isinstance(dataset, (list, tuple)):
        lengths = [published_length(child) for child in dataset]
        return None if None in lengths else sum(filter(None, lengths))
    if not isinstance(dataset, Mapping):
        return None
    inner = dataset.get('datasets', dataset.get('dataset'))
    if inner is None:
        return _published_images(dataset)
    length = published_length(inner)
    times = dataset.get('times', 1)
    return None if length is None else math.floor(length * times)


def _published_images(leaf: Mapping) -> int | None:
    place = ' '.join(str(leaf.get(key, '')) for key in ('ann_file', 'split'))
    prefix = leaf.get('data_prefix') or ''
    place += f' {dict(prefix) if isinstance(prefix, Mapping) else prefix}'
    for name, part, number in PUBLISHED_IMAGES:
        if type_name(leaf) == name and part in place:
            return number
    return None


def _count_classes(leaf: Mapping) -> int | None:
    """The classes that a dataset's config or class names."""
    named = _names_classes(leaf.get('metainfo') or {})
    kind = leaf.get('type')
    if named is None and kind is not None:
        if isinstance(kind, str):
            with DATASETS.switch_scope_and_registry(None) as registry:
                kind = registry.get(kind)
        named = _names_classes(getattr(kind, 'METAINFO', {}))
    return named


def _names_classes(metainfo: Mapping) -> int | None:
    classes = metainfo.get('classes', metainfo.get('CLASSES'))
    return len(classes) if isinstance(classes, (list, tuple)) else None


def _built_leaves(dataset: Any) -> Iterator[Any]:
    """The datasets on disk inside wrappers, in the order of ``leaf_datasets``."""
    inner = getattr(dataset, 'dataset', None)
    several = getattr(dataset, 'datasets', None)
    if inner is None and several is None:
        yield dataset
    if inner is not None:
        yield from _built_leaves(inner)
    for child in several or []:
        yield from _built_leaves(child)


def _state(path: str) -> str:
    if not os.path.exists(path):
        return 'does not exist'
    if not os.path.isdir(path):
        return 'found'
    try:
        with os.scandir(path) as entries:
            return 'found' if next(entries, None) else 'empty'
    except PermissionError:
        return 'may not be read'


def _describe_empty(loader: str, row: DataRow) -> str:
    return (
        f'{loader}.dataset ({row.name}) holds no image that its filters accept. Compare '
        'the names of the classes in its annotations and in the config '
        '(metainfo.classes), and filter_cfg.'
    )
