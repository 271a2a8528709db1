"""ModelNet40 in the HDF5 files of PointNet: clouds of 2048 points, to be classified.

Data: "3D ShapeNets" (arXiv 1406.5670); sampled by "PointNet" (arXiv 1612.00593), Section
5.1.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..registry import DATASETS
from .dataset import HDF5_FILES, PointCloudDataset
from .hdf5_files import check_clouds, check_labels, read_arrays

CLASSES = (
    'airplane bathtub bed bench bookshelf bottle bowl car chair cone cup curtain desk '
    'door dresser flower_pot glass_box guitar keyboard lamp laptop mantel monitor '
    'night_stand person piano plant radio range_hood sink sofa stairs stool table tent '
    'toilet tv_stand vase wardrobe xbox'
)


@DATASETS.register_module()
class ModelNet40(PointCloudDataset):
    """Clouds of one class each, of ``ply_data_{train,test}*.h5``.

    A file has ``data`` (clouds, 2048, 3) and ``label`` (clouds, 1). An entry has
    ``gt_label`` (int) beside what :class:`PointCloudDataset` names.

    Args:
        data_root (str): The folder ``modelnet40_ply_hdf5_2048``.
        split (str): 'train' or 'test'.
        pipeline (Sequence): Transforms. Defaults to none.
        metainfo (Mapping, optional): ``classes``, in the order of their labels, in place
            of ModelNet40's. Defaults to None.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If a file is missing, not a whole HDF5 file, lacks an array, or has
            coordinates that are not finite or labels without a class, or a class has no
            cloud to train on.
    """

    METAINFO: ClassVar[dict] = dict(classes=tuple(CLASSES.split()))

    def load_data_list(self) -> list[dict]:
        """Read all files into memory."""
        self.clouds: dict[str, np.ndarray] = {}
        entries = []
        for path in self.find_files():
            arrays = read_arrays(path, ('data', 'label'))
            check_clouds(path, arrays['data'])
            check_labels(path, arrays['label'], self.metainfo['classes'])
            self.clouds[str(path)] = arrays['data']
            entries += [
                dict(cloud_path=str(path), cloud_index=i, gt_label=label)
                for i, label in enumerate(arrays['label'].tolist())
            ]
        present = {entry['gt_label'] for entry in entries}
        self.check_occurrence('classes', present, HDF5_FILES)
        return entries

    def read_cloud(self, info: Mapping) -> dict:
        """The points of an entry."""
        points = self.clouds[info['cloud_path']][info['cloud_index']]
        return dict(points=points.copy())
