"""Generated mini data sets, in the layouts of ADE20K, COCO and ImageNet.

Handwritten digits (as objects) on photographs (as backgrounds), both shipped with
scikit-learn: enough to train and evaluate any model here in minutes, without a
download, by the toolboxes' own dataset classes and metrics.
"""

from .ade20k import write_mini_ade20k
from .classes import DET_CLASSES, DET_PALETTE, SEG_CLASSES, SEG_PALETTE, mini_metainfo
from .coco import write_mini_coco
from .imagenet import write_mini_imagenet

__all__ = [
    'DET_CLASSES',
    'DET_PALETTE',
    'SEG_CLASSES',
    'SEG_PALETTE',
    'mini_metainfo',
    'write_mini_ade20k',
    'write_mini_coco',
    'write_mini_imagenet',
]
