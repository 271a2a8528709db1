"""Float32 where half precision is not enough, also under autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def promote_to_float32(x: Tensor) -> Tensor:
    """Convert half precision to float32; float32 and float64 stay unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def disable_autocast(x: Tensor) -> AbstractContextManager:
    """Context manager: operations on x's device keep the precision of their inputs."""
    # PyTorch has no autocast for meta tensors, with which operations are counted.
    if x.is_meta:
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)
