"""What the data sets of point clouds share."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from ..arguments import check_choice
from ..errors import UserError

#: Names of the HDF5 files of a part of the data.
HDF5_FILES = 'ply_data_{}*.h5'
#: The parts of the data that belong to each split.
SPLITS = dict(train=('train',), val=('val',), test=('test',), trainval=('train', 'val'))


class PointCloudDataset(BaseDataset):
    """A data set whose entries are the clouds of HDF5 or text files.

    An entry has ``cloud_path`` and ``cloud_index``, by which messages and drawings name
    it; ``points``, (N, 3), float32; and its labels.

    Args:
        data_root (str): Folder of the files.
        split (str): 'train', 'val', 'test' or 'trainval'.
        pipeline (Sequence): Transforms. Defaults to none.
        metainfo (Mapping, optional): Names that replace those of the class. Defaults to
            None.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If a file is missing or not as expected, or a class or category has no
            cloud to train on.
    """

    def __init__(
        self,
        data_root: str,
        split: str,
        pipeline: Sequence = (),
        metainfo: Mapping | None = None,
        **kwargs: Any,
    ):
        check_choice(f'{type(self).__name__}: split', split, SPLITS)
        self.split = split
        super().__init__(
            data_root=str(data_root), metainfo=metainfo, pipeline=list(pipeline), **kwargs
        )

    def find_files(self) -> list[Path]:
        """The HDF5 files of the split, in the order of their names.

        Raises:
            UserError: If there is none.
        """
        files: list[Path] = []
        for part in SPLITS[self.split]:
            found = sorted(Path(self.data_root).glob(HDF5_FILES.format(part)))
            if not found:
                raise UserError(
                    f'{self.data_root} has no file {HDF5_FILES.format(part)}, expected '
                    f'those of the {self.split} split of {type(self).__name__}. Check '
                    'data_root, and whether the archive is unpacked.'
                )
            files += found
        return files

    def get_data_info(self, idx: int) -> dict:
        """The entry of a cloud, with its points."""
        info = super().get_data_info(idx)
        return info | self.read_cloud(info)

    def read_cloud(self, info: Mapping) -> dict:
        """Points and further arrays of an entry, as copies."""
        raise NotImplementedError

    def check_occurrence(self, kind: str, labels: Collection[int], files: str) -> None:
        """Check that a split has a cloud of each class or category.

        Args:
            kind (str): 'classes' or 'categories', whose names are in ``metainfo``.
            labels (Collection[int]): Labels that occur.
            files (str): Name of the files that list the clouds, with {} for a split.

        Raises:
            UserError: For a split to train on: what has no cloud is not learned. Of
                another one it is a warning.
        """
        names = list(self.metainfo[kind])
        absent = [
            f'label {label} ({name})'
            for label, name in enumerate(names)
            if label not in labels
        ]
        if not absent:
            return
        parts = SPLITS[self.split]
        paths = (str(Path(self.data_root) / files.format(part)) for part in parts)
        found = f'{" and ".join(paths)}: no cloud has {", ".join(absent)}'
        if 'train' in parts:
            raise UserError(
                f'{found}; expected one or more of each of the {len(names)} {kind} to '
                f'train on. Add such clouds, or give metainfo with those {kind} only '
                'that occur, in the order of their labels.'
            )
        print_log(
            f'{found}: the {self.split} split says nothing of it, and it does not count '
            'in a mean over classes.',
            'current',
            logging.WARNING,
        )


def name_cloud(path: str, index: int | None) -> str:
    """The name of a cloud in messages and drawings: its file, and its place in it."""
    name = Path(path).name
    return name if index is None else f'{name} cloud {index}'
