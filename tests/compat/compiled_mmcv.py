"""Calls of mmcv's compiled operators, for the tests that compare with them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def call(operator: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call an operator, or skip the test if mmcv has no kernel for the device."""
    try:
        return operator(*args, **kwargs)
    except RuntimeError as error:
        if 'implementation for device' not in str(error):
            raise
        pytest.skip(f'this mmcv: {error}')


def create_generators(number: int) -> list[torch.Generator]:
    """Random generators with the seeds 0 to number - 1."""
    return [torch.Generator().manual_seed(seed) for seed in range(number)]
