"""Names and category ids of the classes that a model predicts."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..compat.coco_categories import order_category_ids
from ..errors import UserError
from .checks.names import iter_metainfo
from .config.annotation_files import find_coco_uses
from .config.coco_annotations import find_annotated, list_categories, load_coco
from .data_scan.rows import name_classes
from .tasks import DETECTION, Task

LOADERS = ('test_dataloader', 'val_dataloader', 'train_dataloader')


def resolve_dataset_meta(cfg: Config, meta: Mapping, task: Task) -> dict[str, Any]:
    """Find the names of a model's classes, and of a detector also their category ids.

    They are those of the checkpoint, or of the config's datasets. A model whose classes
    nobody names gets 'class 0', 'class 1' and so on, never the names of another dataset.

    Args:
        cfg (Config): The config.
        meta (Mapping): Metadata of the checkpoint.
        task (Task): The task.

    Returns:
        dict[str, Any]: With 'classes', 'palette', and of a detector 'category_ids' and
        'category_source', as far as they are known.
    """
    stored = meta.get('dataset_meta') or {
        key.lower(): meta[key] for key in ('CLASSES', 'PALETTE') if key in meta
    }
    found = {str(key).lower(): value for key, value in dict(stored).items()}
    if isinstance(found.get('classes'), str):  # the name of the only class, without comma
        found['classes'] = (found['classes'],)
    number = task.num_outputs(cfg.model)
    if not found.get('classes'):
        found = _find_in_config(cfg, task, number)
    if task is DETECTION and found.get('classes'):
        # Any output may win; those without a name would stop the drawing.
        found.update(find_category_ids(cfg, list(found['classes']), number or 0))
        found['classes'] = tuple(name_classes(found['classes'], number or 0))
    if found.get('classes') and not found.get('palette'):
        found['palette'] = make_palette(len(found['classes']))
    return found


def _find_in_config(cfg: Config, task: Task, number: int | None) -> dict[str, Any]:
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or task.toolbox):
        stated = list(iter_metainfo(cfg, LOADERS))
    for place, metainfo in stated:
        classes = metainfo.get('classes')
        if isinstance(classes, str) or not classes:
            continue
        # One output of a segmentor decides between two classes.
        if number in (None, len(classes)) or (number == 1 and len(classes) == 2):
            shown = ', '.join(map(str, classes[:8])) + ', ...' * (len(classes) > 8)
            print(f'the checkpoint names no classes; {place} does: {shown}', flush=True)
            palette = metainfo.get('palette') or ()
            # A class of datasets has a palette for its own classes.
            fits = len(palette) == len(classes)
            return dict(classes=tuple(classes), palette=palette if fits else None)
    if number is None:
        return {}
    print(
        f'neither the checkpoint nor a dataset of the config names its {number} classes: '
        'they are called class 0, class 1 and so on. Set metainfo.classes of '
        'test_dataloader.dataset to name them.',
        flush=True,
    )
    return dict(classes=tuple(f'class {i}' for i in range(number)))


def make_palette(number: int) -> list[list[int]]:
    """Colours for classes, as mmseg makes them for a dataset without a palette.

    Args:
        number (int): How many.

    Returns:
        list[list[int]]: Red, green and blue of each.
    """
    return np.random.RandomState(42).randint(0, 255, size=(number, 3)).tolist()


def find_category_ids(
    cfg: Config, classes: Sequence[str], number: int = 0
) -> dict[str, Any]:
    """Find the ids of a detector's classes in the annotation files of its config.

    Args:
        cfg (Config): The config.
        classes (Sequence[str]): Names of the classes.
        number (int): Outputs of the detector; those beyond the classes get ids that no
            category has. Defaults to 0.

    Returns:
        dict[str, Any]: 'category_ids' and the file they come from, 'category_source'; or
        nothing if no file is here that has all of the classes.
    """
    for path in dict.fromkeys(_iter_files(cfg)):
        try:
            content = load_coco(path)
        except UserError:
            continue
        entries = list_categories(content)
        ids = order_category_ids(classes, entries, find_annotated(content).__contains__)
        known = {one['id'] for one in entries}
        if ids and known.issuperset(ids):
            free = max((one for one in known if isinstance(one, int)), default=0) + 1
            ids += range(free, free + number - len(ids))
            return dict(category_ids=ids, category_source=path)
    return {}


def _iter_files(cfg: Config) -> Iterator[str]:
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmdet'):
        for path, use in find_coco_uses(cfg, LOADERS):
            if not use.evaluates and os.path.isfile(path):
                yield path
