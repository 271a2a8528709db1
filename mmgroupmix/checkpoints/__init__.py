"""Checkpoint files and key maps: names, shapes and tensors, independent of any model."""

from ..errors import CheckpointError
from .eanet import convert_eanet
from .input_channels import adapt_pretrained_stems
from .mmengine_loading import install_loader
from .reading import read_checkpoint
from .safetensors_files import write_safetensors
from .trust import trust_checkpoints

__all__ = [
    'CheckpointError',
    'adapt_pretrained_stems',
    'convert_eanet',
    'install_loader',
    'read_checkpoint',
    'trust_checkpoints',
    'write_safetensors',
]
