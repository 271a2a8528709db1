"""The compiled operators of torchvision."""

from types import ModuleType

import torch


def load_torchvision_operators() -> ModuleType:
    """Load the namespace of torchvision's operators.

    Returns:
        ModuleType: ``torch.ops.torchvision``.

    Raises:
        ImportError: If torchvision is missing or was built for another torch.
    """
    try:
        import torchvision  # noqa: F401  registers torch.ops.torchvision

        _ = torch.ops.torchvision.roi_align  # fails if its library was not loaded
    except (ImportError, AttributeError, RuntimeError) as error:
        raise ImportError(
            'mmcv was installed without compiled operators, so NMS, RoIAlign and '
            'deformable convolution come from torchvision, which does not work here: '
            f'{error}. Install matching releases of torch and torchvision together, from '
            'the same index: `pip install torch torchvision`.'
        ) from error
    return torch.ops.torchvision
