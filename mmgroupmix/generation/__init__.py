"""Image generation: SAGAN and EAGAN, the GAN of the External Attention paper."""

from .attention import ExternalAttention2d, SelfAttention2d
from .conditional_gan import ConditionalGAN
from .datasets import CIFAR10Images, TinyImageNet
from .discriminator import SAGANDiscriminator
from .feature_networks import DigitFeatures, InceptionFeatures
from .generation_metric import GenerationMetric
from .generator import SAGANGenerator
from .hinge_loss import hinge_loss
from .optimizers import SeparateOptimWrapperConstructor
from .sample_grid_hook import SampleGridHook
from .spectral_norm import to_published_names

__all__ = [
    'CIFAR10Images',
    'ConditionalGAN',
    'DigitFeatures',
    'ExternalAttention2d',
    'GenerationMetric',
    'InceptionFeatures',
    'SAGANDiscriminator',
    'SAGANGenerator',
    'SampleGridHook',
    'SelfAttention2d',
    'SeparateOptimWrapperConstructor',
    'TinyImageNet',
    'hinge_loss',
    'to_published_names',
]
