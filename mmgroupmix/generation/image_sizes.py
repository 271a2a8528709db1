"""A check that images are of the size that the networks of a GAN take."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from ..errors import UserError


def check_image_sizes(
    images: Iterable[Tensor], samples: Sequence[Any], size: int
) -> None:
    """Check the images of a batch, before smaller ones would be padded.

    Args:
        images (Iterable[Tensor]): Each (C, H, W).
        samples (Sequence[BaseDataElement]): With ``img_path``, if the images are files.
        size (int): Height and width that are expected.

    Raises:
        UserError: Naming the first image of another size.
    """
    for index, image in enumerate(images):
        if tuple(image.shape) == (3, size, size):
            continue
        sample = samples[index] if index < len(samples) else {}
        name = sample.get('img_path') or 'an image of the data'
        channels, height, width = image.shape
        raise UserError(
            f'{name} is {width}x{height} pixels with {channels} channels, expected '
            f'{size}x{size} and 3: the networks are for images of img_size={size}. '
            f"Resize the images, or add dict(type='Resize', scale=({size}, {size})) to "
            'the pipelines.'
        )
