"""Mini data set for detection and instance segmentation, in the layout of COCO 2017.

``{train,val}2017/*.jpg`` and ``annotations/instances_{train,val}2017.json``.
"""

import json

import numpy as np

from .classes import DET_CLASSES, mini_metainfo
from .manifest import write_once
from .outlines import encode_segmentation
from .recipe import Recipe
from .scenes import SEVERAL_DIGITS, compose_scenes


def write_mini_coco(
    root,
    num_train=160,
    num_val=24,
    num_classes=len(DET_CLASSES),
    min_size=192,
    max_size=320,
    seed=0,
):
    """Write scenes of handwritten digits for detection and instance segmentation.

    Args:
        root (str | os.PathLike): Folder of the data set; absent, empty, or holding
            this very data set, which is then left as it is.
        num_train (int): Training images. Default: 160.
        num_val (int): Validation images. Default: 24.
        num_classes (int): Classes of the model's head, at least 1. With fewer than
            10, only the first digits occur; beyond 10, the categories go on with
            'unused 10', ... of which there are no objects. Default: 10.
        min_size (int): Shortest side of an image, in pixels. Default: 192.
        max_size (int): Longest side of an image, in pixels. Default: 320.
        seed (int): The same arguments give the same bytes. Default: 0.

    Returns:
        Path: ``root``.

    Raises:
        FileExistsError: If ``root`` holds anything else.
        ImportError: If scikit-learn, the source of the pixels, is missing.
        TypeError: If a number is not whole.
        ValueError: If a number is out of range.
    """
    recipe = Recipe('coco', num_train, num_val, num_classes, min_size, max_size, seed)
    return write_once(root, recipe, lambda folder: _write(folder, recipe))


def _write(folder, recipe):
    names = mini_metainfo('coco', recipe.num_classes)['classes']
    # COCO counts categories from 1.
    categories = [
        dict(id=number, name=name, supercategory=name.split()[0])
        for number, name in enumerate(names, start=1)
    ]
    (folder / 'annotations').mkdir()
    for split, first_id in (('train', 1), ('val', recipe.num_train + 1)):
        pictures = folder / f'{split}2017'
        pictures.mkdir()
        images, annotations = [], []
        scenes = compose_scenes(recipe, split, SEVERAL_DIGITS)
        for image_id, scene in enumerate(scenes, start=first_id):
            height, width = scene.image.shape[:2]
            name = f'{image_id:012d}.jpg'
            images.append(dict(id=image_id, file_name=name, width=width, height=height))
            for instance in scene.instances:
                number = len(annotations) + 1
                annotations.append(_annotation(number, image_id, instance))
            scene.write_jpeg(pictures / name)
        content = dict(
            info=dict(description='Handwritten digits on photographs (generated)'),
            licenses=[],
            images=images,
            annotations=annotations,
            categories=categories,
        )
        path = folder / 'annotations' / f'instances_{split}2017.json'
        path.write_text(json.dumps(content), encoding='utf-8')


def _annotation(number, image_id, instance):
    """dict: One entry of COCO's ``annotations``; box [x, y, w, h] in pixels."""
    rows = np.flatnonzero(instance.mask.any(axis=1)).tolist()
    columns = np.flatnonzero(instance.mask.any(axis=0)).tolist()
    left, top = columns[0], rows[0]
    return dict(
        id=number,
        image_id=image_id,
        category_id=instance.digit + 1,
        iscrowd=0,
        bbox=[left, top, columns[-1] + 1 - left, rows[-1] + 1 - top],
        area=int(instance.mask.sum()),
        segmentation=encode_segmentation(instance.mask),
    )
