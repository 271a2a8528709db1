"""Point clouds: the Point Cloud Transformer (PCT), and EAT with external attention.

Importing this package registers all of it under the scope ``mmgroupmix``.
"""

from .attention import OffsetExternalAttention, OffsetSelfAttention
from .part_transformer import PartSegmentationTransformer
from .sampling import find_nearest_neighbors, gather_points, sample_farthest_points
from .transformer import PointCloudTransformer

__all__ = [
    'OffsetExternalAttention',
    'OffsetSelfAttention',
    'PartSegmentationTransformer',
    'PointCloudTransformer',
    'find_nearest_neighbors',
    'gather_points',
    'sample_farthest_points',
]
