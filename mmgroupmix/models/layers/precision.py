"""Where half precision is too little: sums over thousands of tokens, scores unscaled."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or as it is if that is more."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(x: Tensor) -> AbstractContextManager:
    """Within it, operations on x's device keep the precision of their inputs."""
    # PyTorch has no autocast for tensors without data, on which operations are counted.
    if x.is_meta:
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)
