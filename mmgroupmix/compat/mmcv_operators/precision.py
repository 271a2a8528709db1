"""The precision in which the operators compute."""

import torch
from torch import Tensor


def get_computing_dtype(tensor: Tensor) -> torch.dtype:
    """Return float32 for a half-precision tensor, otherwise its own type."""
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return torch.float32 if half else tensor.dtype
