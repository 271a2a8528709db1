"""The tasks, each with all that is particular to it in one file."""

from .classification import CLASSIFICATION
from .detection import DETECTION
from .generation import GENERATION
from .infer_task import TASKS, infer_task
from .point_clouds import CLOUD_CLASSIFICATION, PART_SEGMENTATION
from .segmentation import SEGMENTATION
from .task import Task

__all__ = [
    'CLASSIFICATION',
    'CLOUD_CLASSIFICATION',
    'DETECTION',
    'GENERATION',
    'PART_SEGMENTATION',
    'SEGMENTATION',
    'TASKS',
    'Task',
    'infer_task',
]
