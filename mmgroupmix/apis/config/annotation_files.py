"""The annotation files in COCO's format that a run reads, and what for."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from .class_names import read_class_names
from .coco_entries import CocoUse
from .tree import (
    as_list,
    get_scope,
    is_remote,
    leaf_datasets,
    turns_images,
    type_name,
    walk,
)


def group_coco_uses(cfg: Config, loaders: Sequence[str]) -> dict[str, list[CocoUse]]:
    """Group what a run takes from files in COCO's format by file.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Returns:
        dict[str, list[CocoUse]]: The uses of each file, by its path.
    """
    uses: dict[str, list[CocoUse]] = {}
    for path, use in find_coco_uses(cfg, loaders):
        known = uses.setdefault(path, [])
        if use not in known:
            known.append(use)
    return uses


def find_coco_uses(cfg: Config, loaders: Sequence[str]) -> Iterator[tuple[str, CocoUse]]:
    """Find the files in COCO's format that a run reads, and what it takes from them.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Yields:
        tuple[str, CocoUse]: The path of a file and a use of it. A file may have several.
    """
    for loader in loaders:
        node = cfg.get(loader) or {}
        masks = any(step.get('with_mask') is True for _, step in walk(node))
        classes: tuple | None = None
        for place, dataset in leaf_datasets(node.get('dataset'), f'{loader}.dataset'):
            dataset_class = _find_coco_class(dataset, cfg.get('default_scope') or '')
            if dataset_class is None or not _is_local(dataset):
                continue
            classes = _find_classes(dataset, dataset_class)
            filters = (not dataset.get('test_mode') and dataset.get('filter_cfg')) or {}
            path = os.path.join(dataset.get('data_root') or '', dataset['ann_file'])
            yield (
                path,
                CocoUse(
                    classes=classes,
                    masks=masks,
                    trains=not dataset.get('test_mode'),
                    filter_empty=bool(filters.get('filter_empty_gt')),
                    min_size=filters.get('min_size', 0),
                    place=place,
                    dataset=type_name(dataset),
                    folder=_find_folder(dataset),
                    turns=turns_images(dataset.get('pipeline')),
                ),
            )
        if not node or loader == 'train_dataloader':
            continue
        evaluator = loader.replace('_dataloader', '_evaluator')
        for place, metric in walk(cfg.get(evaluator), evaluator):
            is_used = type_name(metric) == 'CocoMetric' and not metric.get('format_only')
            if is_used and _is_local(metric):
                yield (
                    metric['ann_file'],
                    CocoUse(
                        classes=classes,
                        masks='segm' in as_list(metric.get('metric', 'bbox')),
                        evaluates=True,
                        place=place,
                        dataset=type_name(metric),
                    ),
                )


def _is_local(node: Mapping) -> bool:
    path = node.get('ann_file') or ''
    return bool(path) and '://' not in path and not is_remote(node)


def _find_coco_class(dataset: Mapping, default_scope: str) -> type | None:
    """The class of a dataset that reads its file as mmdet's CocoDataset does."""
    kind = dataset.get('type')
    if not isinstance(kind, type) and (get_scope(dataset) or default_scope) != 'mmdet':
        return None
    from mmdet.datasets import CocoDataset
    from mmdet.registry import DATASETS

    found: Any = kind if isinstance(kind, type) else DATASETS.get(kind)
    if not isinstance(found, type) or not issubclass(found, CocoDataset):
        return None
    for name in ('load_data_list', 'parse_data_info', 'filter_data', 'COCOAPI'):
        if getattr(found, name) is not getattr(CocoDataset, name):
            return None
    return found


def _find_folder(dataset: Mapping) -> str:
    prefix = dataset.get('data_prefix') or {}
    folder = prefix.get('img') or prefix.get('img_path') or ''
    return os.path.join(dataset.get('data_root') or '', folder)


def _find_classes(dataset: Mapping, dataset_class: Any) -> tuple | None:
    """The names of the classes; None if they cannot be known."""
    metainfo = dataset.get('metainfo') or {}
    classes = metainfo.get('classes', dataset_class.METAINFO.get('classes'))
    classes = read_class_names(classes)
    return tuple(classes) if isinstance(classes, (list, tuple)) else None
