"""Mini datasets of point clouds, in the HDF5 layouts of ModelNet40 and ShapeNet part.

A cloud is the relief of a handwritten digit: points on a square, as high as there is ink.
Its class is the digit; a point belongs to the stroke or to the ground.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import check_int
from ..errors import require_library
from .classes import DET_CLASSES
from .manifest import write_once
from .recipe import NUM_DIGITS, VERSION, Split
from .sources import load_sources

#: Points of a cloud, as in the real data.
NUM_POINTS = 2048
#: Height of full ink; the square has a side of 2.
HEIGHT = 0.6
#: A point with more ink than this belongs to the stroke.
STROKE = 0.4
PARTS = ('ground', 'stroke')
#: The validation split of ShapeNet part is this share of its training data.
VAL_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class PointCloudRecipe:
    """The arguments of a mini dataset of point clouds. Equal recipes give equal arrays.

    Args:
        layout (str): 'modelnet40' or 'shapenetpart'.
        num_train (int): Clouds for training, at least one per digit.
        num_val (int): Clouds for testing, at least one per digit.
        num_classes (int): Outputs of the model: classes, or parts of which a digit has
            two. There are at most ten digits.
        seed (int): Seed of all random choices.

    Raises:
        UserError: If an argument is not as described.
    """

    layout: str
    num_train: int
    num_val: int
    num_classes: int
    seed: int

    def __post_init__(self) -> None:
        check_int(
            'num_classes', self.num_classes, 1 if self.layout == 'modelnet40' else 2
        )
        hint = 'Give at least one cloud per digit.'
        check_int('num_train', self.num_train, self.num_digits, hint)
        check_int('num_val', self.num_val, self.num_digits, hint)
        check_int('seed', self.seed, 0)

    @property
    def num_digits(self) -> int:
        """Number of digits that occur: 0 to ``num_digits - 1``."""
        per_digit = 1 if self.layout == 'modelnet40' else len(PARTS)
        return min(self.num_classes // per_digit, NUM_DIGITS)

    def to_manifest(self) -> dict[str, Any]:
        """What the folder of the dataset states about itself."""
        arguments = asdict(self)
        return dict(version=VERSION, kind=arguments.pop('layout'), **arguments)


def write_mini_modelnet40(
    root: str | os.PathLike[str],
    num_train: int = 800,
    num_val: int = 200,
    num_classes: int = NUM_DIGITS,
    seed: int = 0,
) -> Path:
    """Write a mini ModelNet40: ``ply_data_{train,test}0.h5`` and ``shape_names.txt``.

    Args:
        root (str | os.PathLike): As for ``write_mini_ade20k``.
        num_train, num_val, num_classes, seed: See :class:`PointCloudRecipe`.

    Returns:
        Path: ``root``.

    Raises:
        FileExistsError: If ``root`` contains anything else, which is left unchanged.
        UserError: If an argument is not as described, or h5py is not installed.
    """
    recipe = PointCloudRecipe(
        layout='modelnet40',
        num_train=num_train,
        num_val=num_val,
        num_classes=num_classes,
        seed=seed,
    )
    return write_once(root, recipe, _write_modelnet40)


def write_mini_shapenet_part(
    root: str | os.PathLike[str],
    num_train: int = 800,
    num_val: int = 200,
    num_classes: int = NUM_DIGITS * len(PARTS),
    seed: int = 0,
) -> Path:
    """Write a mini ShapeNet part: ``ply_data_{train,val,test}0.h5``.

    A tenth of the clouds for training is the validation split. Arguments, return value
    and errors are those of :func:`write_mini_modelnet40`.
    """
    recipe = PointCloudRecipe(
        layout='shapenetpart',
        num_train=num_train,
        num_val=num_val,
        num_classes=num_classes,
        seed=seed,
    )
    return write_once(root, recipe, _write_shapenet_part)


def _write_modelnet40(folder: Path, recipe: PointCloudRecipe) -> None:
    for split, name in (('train', 'train'), ('val', 'test')):
        points, digits, _ = compose_clouds(recipe, split)  # type: ignore[arg-type]
        arrays = dict(data=points, label=digits.astype(np.uint8)[:, None])
        _write_hdf5(folder / f'ply_data_{name}0.h5', arrays)
    names = '\n'.join(name.replace(' ', '_') for name in DET_CLASSES)
    (folder / 'shape_names.txt').write_text(names + '\n', encoding='utf-8')


def _write_shapenet_part(folder: Path, recipe: PointCloudRecipe) -> None:
    for split, names in (('train', ('train', 'val')), ('val', ('test',))):
        points, digits, strokes = compose_clouds(recipe, split)  # type: ignore[arg-type]
        pid = len(PARTS) * digits[:, None] + strokes
        cut = round(len(points) * (1 - VAL_SHARE)) if len(names) == 2 else len(points)
        for name, part in zip(names, (slice(cut), slice(cut, None))):
            arrays = dict(
                data=points[part],
                label=digits[part].astype(np.uint8)[:, None],
                pid=pid[part].astype(np.uint8),
            )
            _write_hdf5(folder / f'ply_data_{name}0.h5', arrays)


def compose_clouds(
    recipe: PointCloudRecipe, split: Split
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make the clouds of a split.

    Args:
        recipe (PointCloudRecipe): The arguments of the dataset.
        split (str): 'train' or 'val', which have no digit in common.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Points in the unit sphere, (clouds,
        2048, 3), float32; digits, (clouds, ), int64; and whether a point is on a stroke,
        (clouds, 2048), bool.
    """
    number = recipe.num_train if split == 'train' else recipe.num_val
    samples = load_sources(split).digits
    rng = np.random.default_rng((recipe.seed, split == 'val'))
    # As many clouds of each digit as of the others, in random order.
    digits = rng.permutation(np.arange(number) % recipe.num_digits)
    clouds = [make_relief(rng.choice(samples[digit]), rng) for digit in digits]
    points, ink = map(np.stack, zip(*clouds))
    return points.astype(np.float32), digits, ink > STROKE


def make_relief(
    image: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make the relief of a digit, centred and scaled to the unit sphere.

    Args:
        image (np.ndarray): Ink from 0 to 1, (8, 8).
        rng (np.random.Generator): Chooses the points.

    Returns:
        tuple[np.ndarray, np.ndarray]: Points, (2048, 3): x to the right, y upwards, z
        towards the reader; and the ink at each, (2048, ).
    """
    side = len(image)
    scale = 2 / (side - 1)
    row, column = rng.uniform(0, side - 1, (2, NUM_POINTS))
    top, left = row.astype(int), column.astype(int)
    down, right = row - top, column - left
    # Bilinear: the ink on the upper and the lower edge of a cell, then between them.
    above = image[top, left] * (1 - right) + image[top, left + 1] * right
    below = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
    ink = above * (1 - down) + below * down
    points = np.stack([column * scale, -row * scale, ink * HEIGHT], axis=1)
    points -= points.mean(axis=0)
    return points / np.sqrt((points**2).sum(axis=1)).max(), ink


def _write_hdf5(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    h5py = require_library('h5py', 'writing HDF5 files', 'pip install h5py')
    with h5py.File(path, 'w') as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression='gzip', compression_opts=1)
