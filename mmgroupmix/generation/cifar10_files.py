"""Reading the files of CIFAR-10, in both of the published forms.

``cifar-10-batches-py`` holds pickles, which are read as data: nothing that they name is
imported or called. ``cifar-10-batches-bin`` holds records of a label and 3072 pixels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints.inert_pickle import InertUnpickler
from ..errors import UserError

CLASSES = (
    'airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship',
    'truck',
)  # fmt: skip
SIDE = 32
NUM_VALUES = 3 * SIDE**2
_NUMBERS = range(1, 6)
#: Files of each split, by the name of their folder.
FILES = {
    'cifar-10-batches-py': dict(
        train=[f'data_batch_{number}' for number in _NUMBERS], test=['test_batch']
    ),
    'cifar-10-batches-bin': dict(
        train=[f'data_batch_{number}.bin' for number in _NUMBERS],
        test=['test_batch.bin'],
    ),
}


def find_files(root: str | Path, split: str) -> list[Path]:
    """The files of a split.

    Args:
        root (str | Path): One of the two folders, or the one that contains it.
        split (str): 'train' or 'test'.

    Returns:
        list[Path]: Files that exist.

    Raises:
        UserError: If the folder or a file is missing.
    """
    root = Path(root)
    folders = [root / name for name in FILES if (root / name).is_dir()]
    if not folders and root.name in FILES and root.is_dir():
        folders = [root]
    if not folders:
        raise UserError(
            f'no CIFAR-10 in {root}: expected {" or ".join(FILES)} in it, from '
            'cifar-10-python.tar.gz or cifar-10-binary.tar.gz of '
            'www.cs.toronto.edu/~kriz/cifar.html. Set data_root of the dataset.'
        )
    paths = [folders[0] / name for name in FILES[folders[0].name][split]]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f'{folders[0]} lacks {", ".join(missing)}: the archive was not unpacked '
            'completely. Unpack it again.'
        )
    return paths


def read_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of a file.

    Args:
        path (Path): A file of either form.

    Returns:
        tuple[np.ndarray, np.ndarray]: RGB images, (N, 32, 32, 3), uint8, and labels from
        0 to 9, (N,), int64.

    Raises:
        UserError: If it is not such a file, or a label is none of CIFAR-10's.
    """
    pixels, labels = (_read_binary if path.suffix == '.bin' else _read_pickle)(path)
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASSES)))
    if len(wrong):
        raise UserError(
            f'{path}: image {wrong[0]} has label {labels[wrong[0]]}, expected 0 to '
            f'{len(CLASSES) - 1}. Unpack the archive again.'
        )
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels


def _read_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = np.fromfile(path, np.uint8)
    if not content.size or content.size % (1 + NUM_VALUES):
        raise UserError(
            f'{path} has {content.size} bytes, expected a multiple of '
            f'{1 + NUM_VALUES}: a label and {NUM_VALUES} values for each image. Unpack '
            'the archive again.'
        )
    records = content.reshape(-1, 1 + NUM_VALUES)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _read_pickle(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        # Python 2 wrote the files: its strings are bytes, which Latin-1 keeps.
        with path.open('rb') as file:
            reader: Any = InertUnpickler(file, encoding='latin-1')
            reader.max_bytes = path.stat().st_size
            content = reader.load()
    except Exception as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UserError(
            f'{path} cannot be read as a batch of CIFAR-10: {reason}. Nothing in it was '
            'run. Unpack the archive again, or take cifar-10-binary.tar.gz.'
        ) from error
    pixels = _get(content, 'data')
    labels = np.asarray(_get(content, 'labels') or [-1])
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape != (len(labels), NUM_VALUES)
        or labels.dtype.kind not in 'iu'
    ):
        raise UserError(
            f'{path} is not a batch of CIFAR-10: expected a dict with data, (N, '
            f'{NUM_VALUES}) of uint8, and labels, N integers. Unpack the archive again.'
        )
    return pixels, labels.astype(np.int64)


def _get(content: Any, name: str) -> Any:
    """An entry whose key may be text or, from other writers, bytes."""
    if not isinstance(content, Mapping):
        return None
    return content.get(name, content.get(name.encode()))
