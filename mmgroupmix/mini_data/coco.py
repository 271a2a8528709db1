"""Mini dataset for detection and instance segmentation, in the layout of COCO 2017.

The images are ``{train,val}2017/*.jpg``, the annotations
``annotations/instances_{train,val}2017.json``.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .classes import DET_CLASSES, mini_metainfo
from .manifest import write_once
from .outlines import encode_segmentation
from .recipe import SPLITS, ImageFormat, MiniDatasetRecipe
from .scenes import SEVERAL_DIGITS, Instance, compose_scenes


def write_mini_coco(
    root: str | os.PathLike[str],
    num_train: int = 160,
    num_val: int = 24,
    num_classes: int = len(DET_CLASSES),
    min_size: int = 192,
    max_size: int = 320,
    seed: int = 0,
    num_channels: int = 3,
    image_format: ImageFormat = 'jpeg',
) -> Path:
    """Write a mini dataset for detection and instance segmentation.

    Each image shows one to three digits. Arguments, return value and errors are those of
    ``write_mini_ade20k``.
    """
    recipe = MiniDatasetRecipe(
        layout='coco',
        num_train=num_train,
        num_val=num_val,
        num_classes=num_classes,
        min_size=min_size,
        max_size=max_size,
        seed=seed,
        num_channels=num_channels,
        image_format=image_format,
    )
    return write_once(root, recipe, _write_files)


def _write_files(folder: Path, recipe: MiniDatasetRecipe) -> None:
    names = mini_metainfo('coco', recipe.num_classes)['classes']
    # Category ids start at 1 in COCO.
    categories = [
        dict(id=number, name=name, supercategory=name.split()[0])
        for number, name in enumerate(names, start=1)
    ]
    (folder / 'annotations').mkdir()
    # As in COCO, an image id occurs in one of the splits only.
    next_image_id = 1
    for split in SPLITS:
        image_folder = folder / f'{split}2017'
        image_folder.mkdir()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        scenes = compose_scenes(recipe, split, SEVERAL_DIGITS)
        for image_id, scene in enumerate(scenes, start=next_image_id):
            height, width = scene.image.shape[:2]
            name = scene.write_image(image_folder / f'{image_id:012d}.jpg', recipe)
            images.append(dict(id=image_id, file_name=name, width=width, height=height))
            for instance in scene.instances:
                annotation_id = len(annotations) + 1
                annotations.append(_annotate(annotation_id, image_id, instance))
        next_image_id += len(images)
        content = dict(
            info=dict(description='Handwritten digits on photographs (generated)'),
            licenses=[],
            images=images,
            annotations=annotations,
            categories=categories,
        )
        path = folder / 'annotations' / f'instances_{split}2017.json'
        path.write_text(json.dumps(content), encoding='utf-8')


def _annotate(annotation_id: int, image_id: int, instance: Instance) -> dict[str, Any]:
    """Return an entry of COCO's ``annotations``, with the box as [x, y, w, h]."""
    rows = np.flatnonzero(instance.mask.any(axis=1)).tolist()
    columns = np.flatnonzero(instance.mask.any(axis=0)).tolist()
    left, top = columns[0], rows[0]
    return dict(
        id=annotation_id,
        image_id=image_id,
        category_id=instance.digit + 1,
        iscrowd=0,
        bbox=[left, top, columns[-1] + 1 - left, rows[-1] + 1 - top],
        area=int(instance.mask.sum()),
        segmentation=encode_segmentation(instance.mask),
    )
