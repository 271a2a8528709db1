"""Mini dataset for image generation: scikit-learn's handwritten digits, as they are.

The images are ``{train,val}/digit_{0,...,9}/*.png``, white on black, in folders that
mmpretrain's ``CustomDataset`` reads.
"""

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import UserError
from .manifest import write_once
from .recipe import SPLITS, ImageFormat, MiniDatasetRecipe
from .sources import load_sources

#: Black pixels around a digit, as a share of the side of the image.
MARGIN = 1 / 16


def write_mini_digits(
    root: str | os.PathLike[str],
    num_train: int = 1300,
    num_val: int = 430,
    num_classes: int = 10,
    size: int = 32,
    num_channels: int = 3,
    image_format: ImageFormat = 'png',
) -> Path:
    """Write a mini dataset for generation. Each image is one scan of a digit, enlarged.

    Args:
        root (str | os.PathLike): As for ``write_mini_ade20k``.
        num_train (int): Training images, as many of each digit. Defaults to 1300.
        num_val (int): Validation images, by other people, likewise. Defaults to 430.
        num_classes (int): Digits from 0 on. Defaults to 10.
        size (int): Height and width in pixels. Defaults to 32.
        num_channels (int): 3; the channels are equal. Defaults to 3.
        image_format (str): Files are PNG whatever this is: they are smaller than JPEG.
            Defaults to 'png'.

    Returns:
        Path: ``root``.

    Raises:
        ImportError: If scikit-learn is not installed.
        FileExistsError: If the folder holds something else.
        UserError: If an argument is out of range, or more images are asked for than
            there are.
    """
    recipe = MiniDatasetRecipe(
        layout='digits',
        num_train=num_train,
        num_val=num_val,
        num_classes=num_classes,
        min_size=size,
        max_size=size,
        seed=0,
        num_channels=num_channels,
        image_format='png',
    )
    return write_once(root, recipe, _write_files)


def _write_files(folder: Path, recipe: MiniDatasetRecipe) -> None:
    for split in SPLITS:
        samples = load_sources(split).digits[: recipe.num_digits]
        most = min(map(len, samples)) * len(samples)
        if recipe.num_images(split) > most:
            raise UserError(
                f'num_{split}={recipe.num_images(split)}, expected at most {most}, '
                'the number of handwritten digits.'
            )
        for number in range(recipe.num_images(split)):
            digit = number % len(samples)
            path = folder / split / f'digit_{digit}' / f'{number:06d}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            image = enlarge(samples[digit][number // len(samples)], recipe.min_size)
            Image.fromarray(np.repeat(image[..., None], 3, axis=2)).save(path)


def enlarge(scan: np.ndarray, size: int) -> np.ndarray:
    """Enlarge a scan of a digit, with a margin.

    Args:
        scan (np.ndarray): (8, 8), float32 from 0 to 1.
        size (int): Height and width of the image in pixels.

    Returns:
        np.ndarray: (size, size), uint8.
    """
    margin = round(size * MARGIN)
    inner = size - 2 * margin
    image = cv2.resize(scan, (inner, inner), interpolation=cv2.INTER_CUBIC)
    return np.pad((image.clip(0, 1) * 255).round().astype(np.uint8), margin)
