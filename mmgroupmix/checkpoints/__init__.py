"""Checkpoints: published files (and ours) into the models of this package."""

from ..errors import CheckpointError
from .conversion import convert_state_dict
from .eanet import convert_eanet
from .reading import read_checkpoint

__all__ = ['CheckpointError', 'convert_eanet', 'convert_state_dict', 'read_checkpoint']
