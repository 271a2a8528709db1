"""ShapeNet part: shapes of 16 categories, each point of which belongs to a part.

Data: "A Scalable Active Framework for Region Annotation in 3D Shape Collections" (Yi et
al., SIGGRAPH Asia 2016).
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import UserError
from ..registry import DATASETS
from .dataset import HDF5_FILES, SPLITS, PointCloudDataset
from .hdf5_files import check_clouds, check_labels, read_arrays

#: Parts of each category, in the order of their labels.
NUM_PARTS = dict(
    airplane=4,
    bag=2,
    cap=2,
    car=4,
    chair=4,
    earphone=3,
    guitar=3,
    knife=2,
    lamp=4,
    laptop=2,
    motorbike=6,
    mug=2,
    pistol=3,
    rocket=3,
    skateboard=3,
    table=3,
)
CATEGORY_FILE = 'synsetoffset2category.txt'
#: Lists of the shapes of a part of the data.
LIST_FILES = 'train_test_split/shuffled_{}_file_list.json'
#: Columns of a text file: coordinates, a normal, and the part.
NUM_COLUMNS = 7


def name_parts(num_parts: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the parts of categories, which the data set itself leaves without."""
    return tuple(f'{name} {i}' for name, n in num_parts.items() for i in range(1, n + 1))


@DATASETS.register_module()
class ShapeNetPart(PointCloudDataset):
    """Shapes with a part label for each point, in either of the published layouts.

    - PointNet's HDF5 files, ``ply_data_{train,val,test}*.h5``, with ``data`` (shapes,
      2048, 3), ``label`` (shapes, 1), the category, and ``pid`` (shapes, 2048), the part;
    - ``shapenetcore_partanno_segmentation_benchmark_v0_normal``: ``SYNSET/*.txt`` with a
      point in each line, ``synsetoffset2category.txt``, and the lists of the splits in
      ``train_test_split/``. Shapes are centred and scaled to the unit sphere, and have
      different numbers of points.

    Parts are numbered across categories, 0 to 49. An entry has ``category`` (int),
    ``part_range`` (the first part of the category and the one after its last), and
    ``gt_parts`` (N, ), int64, beside what :class:`PointCloudDataset` names.

    Args:
        data_root (str): Folder of the HDF5 files, or of the text files.
        split (str): 'train', 'val', 'test' or 'trainval'.
        pipeline (Sequence): Transforms. Defaults to none.
        metainfo (Mapping, optional): ``categories``, a dict of their names and numbers of
            parts in the order of the labels, and ``classes``, the names of all parts, in
            place of ShapeNet's. Defaults to None.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If a file is missing or not as described, or has coordinates that are
            not finite, a category or part that does not exist, a part that is not one of
            its category, or no shape of a category to train on.
    """

    METAINFO: ClassVar[dict] = dict(categories=NUM_PARTS, classes=name_parts(NUM_PARTS))

    @property
    def part_ranges(self) -> list[tuple[int, int]]:
        """The first part of each category, and the one after its last."""
        ends = list(itertools.accumulate(self.metainfo['categories'].values()))
        return list(zip([0, *ends], ends))

    def load_data_list(self) -> list[dict]:
        """Read the HDF5 files into memory, or the lists of the text files."""
        self.clouds: dict[str, np.ndarray] = {}
        self.parts: dict[str, np.ndarray] = {}
        is_text = (Path(self.data_root) / CATEGORY_FILE).is_file()
        entries = self._list_shapes() if is_text else self._read_hdf5()
        present = {entry['category'] for entry in entries}
        files = LIST_FILES if is_text else HDF5_FILES
        self.check_occurrence('categories', present, files)
        return entries

    def _read_hdf5(self) -> list[dict]:
        entries = []
        for path in self.find_files():
            arrays = read_arrays(path, ('data', 'label', 'pid'))
            check_clouds(path, arrays['data'])
            check_labels(path, arrays['label'], list(self.metainfo['categories']))
            self._check_parts(path, arrays['pid'], arrays['label'])
            self.clouds[str(path)], self.parts[str(path)] = arrays['data'], arrays['pid']
            entries += [
                self._describe(path, i, category)
                for i, category in enumerate(arrays['label'].tolist())
            ]
        return entries

    def read_cloud(self, info: Mapping) -> dict:
        """The points of an entry and their parts."""
        path, index = info['cloud_path'], info['cloud_index']
        if index is not None:
            points, parts = self.clouds[path][index], self.parts[path][index]
            return dict(points=points.copy(), gt_parts=parts.copy())
        points, parts = read_shape(path)
        self._check_parts(path, parts[None], np.array([info['category']]))
        return dict(points=points, gt_parts=parts)

    def _describe(self, path: str | Path, index: int | None, category: int) -> dict:
        return dict(
            cloud_path=str(path),
            cloud_index=index,
            category=category,
            part_range=self.part_ranges[category],
        )

    def _check_parts(
        self, path: str | Path, parts: np.ndarray, categories: np.ndarray
    ) -> None:
        """Check that every part, (shapes, points), is one of its shape's category."""
        first, end = np.array(self.part_ranges)[categories].T[..., None]
        wrong = np.argwhere((parts < first) | (parts >= end))
        if not len(wrong):
            return
        cloud, point = wrong[0].tolist()
        name = list(self.metainfo['categories'])[categories[cloud]]
        raise UserError(
            f'{path}: cloud {cloud}, point {point} has part {parts[cloud, point]}, '
            f'expected {first[cloud, 0]} to {end[cloud, 0] - 1}, the parts of {name}. '
            'Correct the file, or categories in metainfo.'
        )

    def _list_shapes(self) -> list[dict]:
        """The entries of the text files that the lists of the split name."""
        root = Path(self.data_root)
        synsets = _read_synsets(root / CATEGORY_FILE)
        entries = []
        names = list(self.metainfo['categories'])
        for part in SPLITS[self.split]:
            source = root / LIST_FILES.format(part)
            for i, listed in enumerate(_read_list(source)):
                *_, synset, shape = ['', '', *str(listed).split('/')]
                name = synsets.get(synset)
                if name not in names:
                    raise UserError(
                        f'{source}: entry {i} is {listed!r}, expected '
                        f'shape_data/SYNSET/SHAPE with a SYNSET of {CATEGORY_FILE} whose '
                        f'category is one of {", ".join(names)}.'
                    )
                path = root / synset / f'{shape}.txt'
                if not path.is_file():
                    raise UserError(
                        f'{path} does not exist, and entry {i} of {source} names it. '
                        'Unpack the archive again, or remove the entry.'
                    )
                entries.append(self._describe(path, None, names.index(name)))
        return entries


def read_shape(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a text file of ShapeNet part, centred and scaled to the unit sphere.

    Args:
        path (str | Path): The file; a line has x, y, z, a normal and the part.

    Returns:
        tuple[np.ndarray, np.ndarray]: Points, (N, 3), float32, and parts, (N, ), int64.

    Raises:
        UserError: If it is not as described.
    """
    try:
        table = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise UserError(
            f'{path} cannot be read ({reason}); expected {NUM_COLUMNS} numbers a line.'
        ) from error
    if table.shape[1] != NUM_COLUMNS or not len(table):
        raise UserError(
            f'{path} has {len(table)} points and {table.shape[1]} columns, expected at '
            f'least 1 point and {NUM_COLUMNS} columns: x, y, z, a normal and the part.'
        )
    points = table[:, :3]
    check_clouds(path, points[None])
    points = points - points.mean(axis=0)
    radius = np.sqrt((points**2).sum(axis=1)).max()
    points = points / (radius or 1.0)
    return points.astype(np.float32), table[:, -1].astype(np.int64)


def _read_synsets(path: Path) -> dict[str, str]:
    """Categories by the names of their folders."""
    synsets = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 2:
            raise UserError(
                f'{path}, line {number} is {line!r}, expected a category and its folder.'
            )
        synsets[words[1]] = words[0].lower()
    return synsets


def _read_list(path: Path) -> Sequence[Any]:
    try:
        listed = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise UserError(
            f'{path} cannot be read ({reason}); expected a JSON list of shapes.'
        ) from error
    if not isinstance(listed, list):
        raise UserError(f'{path} holds a {type(listed).__name__}, expected a list.')
    return listed
