"""Checkpoint files and key maps: names, shapes and tensors, independent of any model."""

from ..errors import CheckpointError
from .eanet import convert_eanet
from .reading import read_checkpoint

__all__ = ['CheckpointError', 'convert_eanet', 'read_checkpoint']
