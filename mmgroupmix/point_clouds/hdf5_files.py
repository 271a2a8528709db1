"""Reading of HDF5 files of point clouds, with errors that name file, place and reason."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import UserError, require_library

#: Names of the arrays in a file and their shapes, for messages.
EXPECTED = dict(data='(clouds, points, 3)', label='(clouds, 1)', pid='(clouds, points)')


def read_arrays(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read arrays of an HDF5 file, and compare their shapes.

    Args:
        path (str | Path): The file.
        names (Sequence[str]): 'data' and 'label', for parts 'pid' too.

    Returns:
        dict[str, np.ndarray]: ``data``, (clouds, points, 3), float32; ``label``,
        (clouds, ), int64; ``pid``, (clouds, points), int64.

    Raises:
        UserError: If h5py is not installed, the file is not whole or lacks an array, or
            the arrays have other shapes.
    """
    h5py = require_library('h5py', 'reading HDF5 files', 'pip install h5py')
    wanted = ', '.join(f'{name} {EXPECTED[name]}' for name in names)
    try:
        with h5py.File(path, 'r') as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise UserError(
                    f'{path} has no data set {missing[0]!r}, but '
                    f'{", ".join(sorted(file)) or "none"}; expected {wanted}.'
                )
            arrays = {name: np.asarray(file[name]) for name in names}
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = ' '.join(str(error).split())
        raise UserError(
            f'{path} cannot be read as a whole HDF5 file ({reason}); expected {wanted}. '
            'Download or copy it again.'
        ) from error
    data = arrays['data']
    shapes = dict(data=(*data.shape[:2], 3), label=data.shape[:1], pid=data.shape[:2])
    for name, array in arrays.items():
        if name == 'label' and array.ndim == 2 and array.shape[1] == 1:
            arrays[name] = array = array[:, 0]
        if array.shape != shapes[name] or data.ndim != 3 or array.dtype.kind not in 'iuf':
            raise UserError(
                f'{path}: {name} has the shape {array.shape} and dtype {array.dtype}; '
                f'expected numbers of {wanted}.'
            )
    dtypes: Mapping[str, type] = dict(data=np.float32, label=np.int64, pid=np.int64)
    return {name: array.astype(dtypes[name]) for name, array in arrays.items()}


def check_clouds(path: str | Path, points: np.ndarray) -> None:
    """Check that all coordinates are finite.

    Args:
        path (str | Path): The file, for the message.
        points (np.ndarray): (clouds, points, 3).

    Raises:
        UserError: Naming the first cloud and point that are not.
    """
    wrong = np.argwhere(~np.isfinite(points))
    if len(wrong):
        cloud, point, axis = wrong[0].tolist()
        raise UserError(
            f'{path}: cloud {cloud}, point {point} has the coordinate '
            f'{"xyz"[axis]}={points[cloud, point, axis]}, expected a finite number '
            f'({len({int(row[0]) for row in wrong})} of {len(points)} clouds have such). '
            'Correct or remove it.'
        )


def check_labels(path: str | Path, labels: np.ndarray, names: Sequence[str]) -> None:
    """Check that the labels of clouds are those of classes.

    Args:
        path (str | Path): The file, for the message.
        labels (np.ndarray): (clouds, ), int64.
        names (Sequence[str]): The classes.

    Raises:
        UserError: Naming the first cloud of another label.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise UserError(
            f'{path}: cloud {wrong[0]} has label {labels[wrong[0]]}, expected 0 to '
            f'{len(names) - 1}: there are {len(names)} classes ({names[0]} to '
            f'{names[-1]}). Correct the file, or the names in metainfo.'
        )
