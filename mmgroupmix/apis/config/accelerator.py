"""What mixed precision needs and a laptop may lack."""

from mmengine.device import get_device


def lacks_accelerator() -> bool:
    """Whether mmengine finds no device here that its mixed precision runs on."""
    return get_device() in ('cpu', 'mps')
