"""Mini data set for classification, in the folder layout of ImageNet.

``train/CLASS/*.JPEG`` and ``val/CLASS/*.JPEG``, the folders named ``digit_0``, ...
"""

from .classes import DET_CLASSES
from .manifest import write_once
from .recipe import Recipe
from .scenes import ONE_DIGIT, compose_scenes


def write_mini_imagenet(
    root,
    num_train=400,
    num_val=100,
    num_classes=len(DET_CLASSES),
    min_size=192,
    max_size=320,
    seed=0,
):
    """Write pictures of one large handwritten digit each, for classification.

    Args:
        root (str | os.PathLike): Folder of the data set; absent, empty, or holding
            this very data set, which is then left as it is.
        num_train (int): Training images, at least one a class. Default: 400.
        num_val (int): Validation images, at least one a class. Default: 100.
        num_classes (int): Outputs of the model, at least 1; only the first so many
            digits occur. More than 10 is the same as 10: mmpretrain wants one folder
            a class, none empty. Default: 10.
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
        'imagenet',
        num_train,
        num_val,
        min(num_classes, len(DET_CLASSES)),
        min_size,
        max_size,
        seed,
    )
    return write_once(root, recipe, lambda folder: _write(folder, recipe))


def _write(folder, recipe):
    for split in ('train', 'val'):
        # Class folders are sorted by name to number the classes: digits do that.
        for digit in range(recipe.num_digits):
            (folder / split / f'digit_{digit}').mkdir(parents=True)
        scenes = compose_scenes(recipe, split, ONE_DIGIT)
        for number, scene in enumerate(scenes, start=1):
            (instance,) = scene.instances
            name = f'digit_{instance.digit}'
            scene.write_jpeg(folder / split / name / f'{name}_{number:06d}.JPEG')
