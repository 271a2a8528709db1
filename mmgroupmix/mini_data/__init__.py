"""Small generated datasets, in the layouts of ADE20K, COCO, ImageNet and point clouds.

The images show handwritten digits (the objects) on photographs (the background). Both
are shipped with scikit-learn, so nothing is downloaded. The toolboxes read the datasets
with their own dataset classes and evaluate on them with their own metrics, and any model
of this package can be trained on them within minutes.
"""

from .ade20k import write_mini_ade20k
from .classes import DET_CLASSES, DET_PALETTE, SEG_CLASSES, SEG_PALETTE, mini_metainfo
from .coco import write_mini_coco
from .digits import write_mini_digits
from .imagenet import write_mini_imagenet
from .point_clouds import write_mini_modelnet40, write_mini_shapenet_part

__all__ = [
    'DET_CLASSES',
    'DET_PALETTE',
    'SEG_CLASSES',
    'SEG_PALETTE',
    'mini_metainfo',
    'write_mini_ade20k',
    'write_mini_coco',
    'write_mini_digits',
    'write_mini_imagenet',
    'write_mini_modelnet40',
    'write_mini_shapenet_part',
]
