"""Finding out what a folder holds, and whether it fits the task of a config."""

import os
from pathlib import Path

from ...errors import UserError
from ..tasks import Task
from .class_folders import recognize_class_folders
from .coco import CocoData, recognize_coco
from .coco_files import find_coco_files, find_other_formats
from .coco_label_maps import to_label_maps
from .label_maps import recognize_label_maps
from .listing import Listing, format_names, list_data
from .own_data import OwnData

#: What each toolbox trains on, and a config of this package to start from.
FITTING = dict(
    mmdet=('COCO JSON', 'object detection', 'configs/retinanet_poolformer_s12_coco.py'),
    mmseg=(
        'images with label maps',
        'semantic segmentation',
        'configs/sem_fpn_poolformer_s12_ade20k.py',
    ),
    mmpretrain=('class folders', 'classification', 'configs/poolformer_s12_in1k.py'),
)


def recognize(path: str, task: Task, work_dir: Path, masks: bool) -> OwnData:
    """Recognise the data in a folder.

    Args:
        path (str): The folder, or a file in COCO's format.
        task (Task): The task of the config.
        work_dir (Path): The folder of the run, which holds no data.
        masks (bool): Whether the config learns masks of objects.

    Returns:
        OwnData: The data; they fit the task.

    Raises:
        UserError: If nothing is recognised, or nothing that fits.
    """
    listing = list_data(path, excluded=work_dir)
    only = os.path.relpath(path, listing.root) if os.path.isfile(path) else None
    data: OwnData | None
    if task.toolbox == 'mmdet':
        data = recognize_coco(listing, only)
    elif task.toolbox == 'mmseg':
        data = None if only else recognize_label_maps(listing)
        if data is None and (objects := recognize_coco(listing, only)):
            data = to_label_maps(objects) if objects.has_masks() else None
    else:
        data = None if _has_coco(listing, only) else recognize_class_folders(listing)
    if data is None:
        raise UserError(_explain(listing, path, task))
    if isinstance(data, CocoData) and masks and not data.has_masks():
        raise UserError(
            f'--data {path}: {data.origin} has boxes only, and the model learns masks. '
            'Label outlines, or take a detector without masks, such as '
            f'{FITTING["mmdet"][2]}.'
        )
    return data


def _has_coco(listing: Listing, only: str | None) -> bool:
    try:
        return bool(find_coco_files(listing, only))
    except UserError:  # a file that a classifier does not need
        return False


def _explain(listing: Listing, path: str, task: Task) -> str:
    """Say what was looked for and found, and what fits."""
    wanted, _, _ = FITTING[task.toolbox]
    others = []
    for toolbox, find in (
        ('mmdet', recognize_coco),
        ('mmseg', recognize_label_maps),
        ('mmpretrain', recognize_class_folders),
    ):
        if toolbox == task.toolbox:
            continue
        try:
            found = find(listing)
        except UserError:
            continue
        if found:
            others.append((FITTING[toolbox], found))
    lines = [f'--data {path}: the config is one of {task.name}, which needs {wanted}.']
    for (_, name, config), found in others[:1]:
        lines.append(
            f'Found instead: {found.origin}, for {name}, such as {config}, or a config '
            'of your own.'
        )
    formats = find_other_formats(listing)
    if formats:
        lines.append(f'Not read here: {"; ".join(formats)}.')
    if not others:
        lines.append(
            f'Found: {listing.describe()} ({format_names(listing.images, 3)}). '
            f'{LOOKED_FOR[task.toolbox]}'
        )
    return ' '.join(lines)


LOOKED_FOR = dict(
    mmdet='Looked for: *.json with images, annotations and categories, anywhere below.',
    mmseg='Looked for: folders such as images/ and masks/ (labels/, annotations/, '
    'SegmentationClass/) with files of equal names, x_mask.png beside x.jpg, or COCO '
    'JSON with outlines.',
    mmpretrain='Looked for: at least two folders of images, named after their classes, '
    'in PATH or in train/ and val/.',
)
