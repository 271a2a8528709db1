"""Mini dataset for semantic segmentation, in the layout of ADE20K.

The images are ``images/{training,validation}/*.jpg``, the annotations
``annotations/{training,validation}/*.png``. An annotation is an 8-bit image with one
channel, in which 0 means 'unlabelled' and class k is stored as k + 1, so mmsegmentation
reads it with ``reduce_zero_label=True``.
"""

import os
from pathlib import Path

import cv2

from .classes import SEG_CLASSES
from .manifest import write_once
from .recipe import SPLITS, ImageFormat, MiniDatasetRecipe
from .scenes import SEVERAL_DIGITS, compose_scenes

FOLDERS = {'train': 'training', 'val': 'validation'}


def write_mini_ade20k(
    root: str | os.PathLike[str],
    num_train: int = 160,
    num_val: int = 24,
    num_classes: int = len(SEG_CLASSES),
    min_size: int = 192,
    max_size: int = 320,
    seed: int = 0,
    num_channels: int = 3,
    image_format: ImageFormat = 'jpeg',
) -> Path:
    """Write a mini dataset for semantic segmentation.

    Each image shows one to three digits. ``write_mini_coco`` writes the same images when
    the numbers of digits and images, the sizes and the seed are the same.

    Args:
        root (str | os.PathLike): Folder of the dataset, see ``write_once``.
        num_train, num_val, num_classes, min_size, max_size, seed, num_channels (int),
        image_format (str): See ``MiniDatasetRecipe``.

    Returns:
        Path: ``root``.

    Raises:
        FileExistsError: If ``root`` contains anything but this dataset.
        ImportError: If scikit-learn, which provides the images, is not installed.
        TypeError: If one of the numbers is not an integer.
        ValueError: If one of the numbers is out of range.
    """
    recipe = MiniDatasetRecipe(
        layout='ade20k',
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
    for split in SPLITS:
        images = folder / 'images' / FOLDERS[split]
        annotations = folder / 'annotations' / FOLDERS[split]
        images.mkdir(parents=True)
        annotations.mkdir(parents=True)
        scenes = compose_scenes(recipe, split, SEVERAL_DIGITS)
        for number, scene in enumerate(scenes, start=1):
            stem = f'ADE_{split}_{number:08d}'
            scene.write_image(images / f'{stem}.jpg', recipe)
            _, encoded = cv2.imencode('.png', scene.draw_label_map() + 1)
            (annotations / f'{stem}.png').write_bytes(encoded.tobytes())
