"""What the backbone of a model is given, recorded by a hook."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor, nn

from .panels import denormalize

Record = TypeVar('Record', bound='InputRecord')


@dataclass
class InputRecord:
    """Input of a model.

    Attributes:
        images (Tensor | None): The batch of the last forward pass as the backbone takes
            it, (B, C, H, W); None before it.
        image (np.ndarray | None): Its first image in RGB, uint8, (H, W, 3).
        num_passes (int): Number of forward passes.
    """

    images: Tensor | None = None
    image: np.ndarray | None = None
    num_passes: int = 0


@contextmanager
def record_input(model: nn.Module, record: Record) -> Iterator[Record]:
    """Record what the backbone of a model is given.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain: with a ``backbone`` and
            a ``data_preprocessor`` that normalises images.
        record (InputRecord): Overwritten by each forward pass in the ``with`` statement.

    Yields:
        InputRecord: The record.
    """
    data_preprocessor = model.get_submodule('data_preprocessor')

    def record_images(backbone: nn.Module, inputs: tuple[Tensor]) -> None:
        record.num_passes += 1
        record.images = inputs[0]
        record.image = denormalize(inputs[0][0], data_preprocessor)

    hook = model.get_submodule('backbone').register_forward_pre_hook(record_images)
    try:
        yield record
    finally:
        hook.remove()
