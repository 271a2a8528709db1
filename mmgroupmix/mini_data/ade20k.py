"""Mini data set for semantic segmentation, in the layout of ADE20K.

``images/{training,validation}/*.jpg`` and ``annotations/{training,validation}/*.png``;
an annotation is one 8-bit channel in which 0 is 'unlabelled' and class k is k + 1, so
mmsegmentation reads it with ``reduce_zero_label=True``.
"""

import cv2

from .classes import SEG_CLASSES
from .manifest import write_once
from .recipe import Recipe
from .scenes import SEVERAL_DIGITS, compose_scenes

FOLDERS = {'train': 'training', 'val': 'validation'}


def write_mini_ade20k(
    root,
    num_train=160,
    num_val=24,
    num_classes=len(SEG_CLASSES),
    min_size=192,
    max_size=320,
    seed=0,
):
    """Write scenes of handwritten digits for semantic segmentation.

    ``write_mini_coco`` with the same numbers, sizes and seed draws the same scenes.

    Args:
        root (str | os.PathLike): Folder of the data set; absent, empty, or holding
            this very data set, which is then left as it is.
        num_train (int): Training images. Default: 160.
        num_val (int): Validation images. Default: 24.
        num_classes (int): Outputs of the model, at least 2; only the first so many of
            ``SEG_CLASSES`` occur. More than 11 is the same as 11. Default: 11.
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
    recipe = Recipe(
        'ade20k',
        num_train,
        num_val,
        min(num_classes, len(SEG_CLASSES)),
        min_size,
        max_size,
        seed,
    )
    return write_once(root, recipe, lambda folder: _write(folder, recipe))


def _write(folder, recipe):
    for split, name in FOLDERS.items():
        images, annotations = folder / 'images' / name, folder / 'annotations' / name
        images.mkdir(parents=True)
        annotations.mkdir(parents=True)
        scenes = compose_scenes(recipe, split, SEVERAL_DIGITS)
        for number, scene in enumerate(scenes, start=1):
            stem = f'ADE_{split}_{number:08d}'
            scene.write_jpeg(images / f'{stem}.jpg')
            _, encoded = cv2.imencode('.png', scene.label_map() + 1)
            (annotations / f'{stem}.png').write_bytes(encoded.tobytes())
