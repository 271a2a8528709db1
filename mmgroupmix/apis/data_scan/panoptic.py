"""Names of the classes of panoptic data: the dataset takes every segment of its file."""

import os
from collections.abc import Mapping

from mmengine.registry import DATASETS

from ...errors import UserError
from ..config.class_names import find_name_errors, read_class_names
from ..config.coco_annotations import list_categories, load_coco
from ..config.mistakes import MistakeReport
from ..config.tree import is_remote, type_name


def find_panoptic_mistakes(leaf: Mapping, place: str, report: MistakeReport) -> bool:
    """Compare the classes of a panoptic dataset with the categories of its file.

    mmdet's dataset stops at a segment of another category, by a ``KeyError`` of its id.

    Args:
        leaf (Mapping): The config of a dataset of any kind.
        place (str): Its place in the config.
        report (MistakeReport): Receives the categories without a class.

    Returns:
        bool: Whether there are such.
    """
    path = os.path.join(leaf.get('data_root') or '', leaf.get('ann_file') or '')
    if type_name(leaf) != 'CocoPanopticDataset' or is_remote(leaf):
        return False
    try:
        content = load_coco(path)
    except UserError:
        return False  # building the dataset names the reason
    classes = _find_classes(leaf)
    categories = [(one['id'], one['name']) for one in list_categories(content)]
    used = {
        segment.get('category_id')
        for entry in content.get('annotations', [])
        if isinstance(entry, Mapping)
        for segment in entry.get('segments_info') or ()
        if isinstance(segment, Mapping)
    }
    extra = [
        f'{name} ({i})' for i, name in categories if i in used and name not in classes
    ]
    if not extra or not classes:
        return False
    error, _ = find_name_errors(classes, categories, used)
    reason = error or f'segments have categories that are not classes: {", ".join(extra)}'
    report.add_error(
        '',
        f'{place} with {path}: {reason}\nA panoptic dataset takes every segment: write '
        "all of the file's names into metainfo.classes, and each into thing_classes or "
        'stuff_classes.',
    )
    return True


def _find_classes(leaf: Mapping) -> tuple:
    kind = leaf['type']
    if isinstance(kind, str):
        with DATASETS.switch_scope_and_registry(None) as registry:
            kind = registry.get(kind)
    stated = dict(getattr(kind, 'METAINFO', {}), **(leaf.get('metainfo') or {}))
    names = read_class_names(stated.get('classes'))
    return tuple(names) if isinstance(names, (list, tuple)) else ()
