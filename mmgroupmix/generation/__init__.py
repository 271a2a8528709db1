"""Image generation: SAGAN and EAGAN, the GAN of the External Attention paper."""

from .attention import ExternalAttention2d, SelfAttention2d
from .discriminator import SAGANDiscriminator
from .generator import SAGANGenerator
from .spectral_norm import to_published_names

__all__ = [
    'ExternalAttention2d',
    'SAGANDiscriminator',
    'SAGANGenerator',
    'SelfAttention2d',
    'to_published_names',
]
