"""Sizes of SAGAN's networks, for the two image sizes that the paper trains.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 4.6, which takes SAGAN from PyTorch-StudioGAN (as of
May 2021) and replaces its attention. Channels are multiples of the base channels, which
are 64 there.
"""

from typing import NamedTuple

from ..arguments import check_choice


class Architecture(NamedTuple):
    """Blocks of a generator and a discriminator.

    Attributes:
        generator (tuple[int, ...]): Channels of the 4x4 map, and of each block, in
            multiples of the base channels. Each block doubles height and width.
        generator_attention (int): The attention follows this block, counted from 1.
        discriminator (tuple[int, ...]): Channels of each block, likewise.
        num_downsampling (int): So many first blocks halve height and width.
        discriminator_attention (int): The attention follows this block, counted from 1.
    """

    generator: tuple[int, ...]
    generator_attention: int
    discriminator: tuple[int, ...]
    num_downsampling: int
    discriminator_attention: int


#: By image size in pixels.
ARCHITECTURES = {
    32: Architecture((4, 4, 4, 4), 2, (2, 2, 2, 2), 2, 1),
    64: Architecture((16, 8, 4, 2, 1), 3, (1, 2, 4, 8, 16), 4, 1),
}
#: Height and width of the first map of a generator.
FIRST_SIZE = 4
BASE_CHANNELS = 64
Z_DIM = 128


def get_architecture(owner: str, img_size: int) -> Architecture:
    """The architecture for an image size.

    Args:
        owner (str): The class that asks, for the message.
        img_size (int): Height and width in pixels.

    Raises:
        UserError: If the paper has none for that size.
    """
    check_choice(f'{owner}: img_size', img_size, ARCHITECTURES)
    return ARCHITECTURES[img_size]
