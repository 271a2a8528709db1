"""Point clouds: the Point Cloud Transformer (PCT), and EAT with external attention.

Importing this package registers all of it under the scope ``mmgroupmix``.
"""

from .attention import OffsetExternalAttention, OffsetSelfAttention
from .metrics import PartIoU, PointCloudAccuracy
from .modelnet40 import ModelNet40
from .models import (
    PointCloudClassifier,
    PointCloudPartSegmentor,
    PointCloudPreprocessor,
    PointCloudTTAModel,
)
from .part_transformer import PartSegmentationTransformer
from .sampling import find_nearest_neighbors, gather_points, sample_farthest_points
from .shapenet_part import ShapeNetPart
from .transformer import PointCloudTransformer
from .transforms import (
    PackPointCloud,
    RandomPointDropout,
    RandomScalePoints,
    RandomShiftPoints,
    ScalePoints,
    ShufflePoints,
    TakePoints,
)
from .visualization_hook import PointCloudVisualizationHook

__all__ = [
    'ModelNet40',
    'OffsetExternalAttention',
    'OffsetSelfAttention',
    'PackPointCloud',
    'PartIoU',
    'PartSegmentationTransformer',
    'PointCloudAccuracy',
    'PointCloudClassifier',
    'PointCloudPartSegmentor',
    'PointCloudPreprocessor',
    'PointCloudTTAModel',
    'PointCloudTransformer',
    'PointCloudVisualizationHook',
    'RandomPointDropout',
    'RandomScalePoints',
    'RandomShiftPoints',
    'ScalePoints',
    'ShapeNetPart',
    'ShufflePoints',
    'TakePoints',
    'find_nearest_neighbors',
    'gather_points',
    'sample_farthest_points',
]
