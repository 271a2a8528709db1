"""Label maps drawn from the outlines of COCO JSON, to train a segmentor on."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from ...checkpoints.atomic_files import replace_atomically
from ...errors import UserError
from ..config.mask_annotations import find_mask_error
from .coco import CocoData, CocoItem
from .coco_completion import complete, is_size
from .own_data import OwnData, read_size
from .written_files import write_list

#: What no outline covers.
BACKGROUND = 'background'


@dataclass
class OutlineData(CocoData):
    """Objects in COCO JSON as label maps: 0 is background, smaller objects are on top."""

    toolbox = 'mmseg'
    unit = 'images'

    def get_labels(self, item: CocoItem) -> Collection[int]:
        """The classes in a label map; every image has background."""
        return {0, *(label + 1 for label in item.labels if label >= 0)}

    def count_classes(self, items: Sequence[CocoItem]) -> Counter:
        """The number of images in which each class occurs."""
        return Counter(label for item in items for label in self.get_labels(item))

    def write(self, folder: Path) -> dict[str, dict]:
        """Write lists of the splits, and the label maps."""
        configs = {}
        for split, items in self.splits.items():
            for item in items:
                path = folder / 'label_maps' / f'{item.name}.png'
                with replace_atomically(path) as temporary:
                    Image.fromarray(draw_label_map(item)).save(temporary, format='PNG')
            write_list(folder / f'{split}.txt', [item.name for item in items])
            configs[split] = dict(
                type='mmseg.BaseSegDataset',
                ann_file=str(folder / f'{split}.txt'),
                data_prefix=dict(img_path='', seg_map_path=str(folder / 'label_maps')),
                img_suffix='',
                seg_map_suffix='.png',
            )
        return configs


def to_label_maps(data: CocoData) -> OwnData:
    """Take the objects of a data set as label maps.

    Args:
        data (CocoData): Objects, some of them with outlines.

    Returns:
        OwnData: The same images, with the classes and a background.
    """
    values = {field.name: getattr(data, field.name) for field in fields(CocoData)}
    values['origin'] = f'outlines of {data.origin}, drawn as label maps'
    values['classes'] = (BACKGROUND, *data.classes)
    values['notes'] = [*data.notes, 'what no outline covers is background']
    items = [item for split in data.splits.values() for item in split]
    bare = sum(
        not entry.get('segmentation')
        for item in items
        for entry, label in zip(item.annotations, item.labels)
        if label >= 0
    )
    if bare:
        values['notes'].append(f'{bare} objects have no outline and are background')
    return OutlineData(**values)


def draw_label_map(item: CocoItem) -> np.ndarray:
    """Draw the objects of an image, the largest first.

    Args:
        item (CocoItem): The image with its annotations.

    Returns:
        np.ndarray: (H, W), uint8; 0 is background.

    Raises:
        UserError: If an outline is broken, or pycocotools is missing.
    """
    try:
        from pycocotools import mask as masks
    except ImportError as error:
        raise UserError(
            '--data: drawing the outlines of COCO JSON needs pycocotools: pip install '
            'pycocotools'
        ) from error
    if is_size(item.image):
        width, height = int(item.image['width']), int(item.image['height'])
    else:
        width, height = read_size(item.path) or (0, 0)
    drawn = []
    for entry, label in zip(item.annotations, item.labels):
        outline = complete(dict(entry)).get('segmentation')
        if label < 0 or not outline:
            continue
        if reason := find_mask_error(outline, (height, width)):
            raise UserError(f'--data: {item.name}: annotation {entry.get("id")}{reason}')
        if isinstance(outline, list):
            outline = [part for part in outline if len(part) >= 6 and len(part) % 2 == 0]
        if outline:
            found = masks.frPyObjects(outline, height, width)
            found = masks.merge(found) if isinstance(found, list) else found
            drawn.append((float(masks.area(found)), label + 1, masks.decode(found)))
    labels = np.zeros((height, width), np.uint8)
    for _, label, mask in sorted(drawn, key=lambda one: -one[0]):
        labels[mask.astype(bool)] = label
    return labels
