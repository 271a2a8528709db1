"""Mini dataset for classification, in the folder layout of ImageNet.

The images are ``{train,val}/digit_{0,...,9}/*.JPEG``.
"""

import os
from pathlib import Path

from .classes import DET_CLASSES
from .manifest import write_once
from .recipe import SPLITS, ImageFormat, MiniDatasetRecipe
from .scenes import ONE_DIGIT, compose_scenes


def write_mini_imagenet(
    root: str | os.PathLike[str],
    num_train: int = 400,
    num_val: int = 100,
    num_classes: int = len(DET_CLASSES),
    min_size: int = 192,
    max_size: int = 320,
    seed: int = 0,
    num_channels: int = 3,
    image_format: ImageFormat = 'jpeg',
) -> Path:
    """Write a mini dataset for classification. Each image shows one large digit.

    Arguments, return value and errors are those of ``write_mini_ade20k``.
    """
    recipe = MiniDatasetRecipe(
        layout='imagenet',
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
        # mmpretrain numbers the classes in the order of their folders' names.
        for digit in range(recipe.num_digits):
            (folder / split / f'digit_{digit}').mkdir(parents=True)
        scenes = compose_scenes(recipe, split, ONE_DIGIT)
        for number, scene in enumerate(scenes, start=1):
            (instance,) = scene.instances
            name = f'digit_{instance.digit}'
            path = folder / split / name / f'{name}_{number:06d}.JPEG'
            scene.write_image(path, recipe)
