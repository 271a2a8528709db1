"""SAGAN's generator, whose attention is an argument.

Papers: "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318) and "Beyond
Self-attention: External Attention using Two Linear Layers for Visual Tasks" (arXiv
2105.02358), Section 4.6; the layers as in PyTorch-StudioGAN as of May 2021.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ..arguments import check_int, explain_arguments
from ..registry import MODELS
from .architecture import BASE_CHANNELS, FIRST_SIZE, Z_DIM, get_architecture
from .attention import build_attention
from .blocks import BATCH_NORM_EPS, GeneratorBlock, build_conv
from .network import SAGANNetwork
from .spectral_norm import normalize_spectrally


@MODELS.register_module()
@explain_arguments
class SAGANGenerator(SAGANNetwork):
    """Draws images of given classes from random vectors.

    Args:
        img_size (int): Height and width of the images in pixels, 32 or 64.
        num_classes (int): Classes.
        attention (str | dict | None): Attention after block 2 (32 pixels) or 3 (64
            pixels): ``'SelfAttention2d'`` (SAGAN's), ``'ExternalAttention2d'`` or
            ``'ExternalAttentionBlock'`` (EANet's whole block), or a dict with one of
            them as ``type`` and further arguments, such as ``num_memories``; None for
            no attention. Defaults to 'SelfAttention2d'.
        z_dim (int): Length of the random vectors. Defaults to 128.
        base_channels (int): Channels are multiples of this. Defaults to 64.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=FILE)`` for
            published or own weights. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    part = 'generator'
    first_layer = 'linear0'
    other = 'SAGAN discriminator'
    other_layer = 'linear1'

    def __init__(
        self,
        img_size: int,
        num_classes: int,
        attention: str | Mapping | None = 'SelfAttention2d',
        z_dim: int = Z_DIM,
        base_channels: int = BASE_CHANNELS,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        owner = type(self).__name__
        arch = get_architecture(owner, img_size)
        self.img_size = img_size
        self.num_classes = check_int(f'{owner}: num_classes', num_classes, 1)
        self.z_dim = check_int(f'{owner}: z_dim', z_dim, 1)
        base = check_int(f'{owner}: base_channels', base_channels, 1)
        dims = [base * factor for factor in arch.generator]
        self.linear0 = normalize_spectrally(nn.Linear(z_dim, dims[0] * FIRST_SIZE**2))
        self.blocks = nn.ModuleList()
        for number, (dim, next_dim) in enumerate(pairwise(dims), start=1):
            self.append_block(GeneratorBlock(dim, next_dim, num_classes))
            if number == arch.generator_attention:
                self.append_block(build_attention(owner, attention, next_dim))
        self.bn4 = nn.BatchNorm2d(dims[-1], eps=BATCH_NORM_EPS)
        self.conv2d5 = build_conv(dims[-1], 3, 3)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Draw images.

        Args:
            z (Tensor): Random vectors, (B, z_dim), from a standard normal distribution.
            labels (Tensor): Classes, (B,), integers from 0 to ``num_classes - 1``.

        Returns:
            Tensor: RGB images, (B, 3, img_size, img_size), from -1 to 1.
        """
        classes = F.one_hot(labels, self.num_classes).to(z.dtype)
        x = self.linear0(z).unflatten(1, (-1, FIRST_SIZE, FIRST_SIZE))
        for block in self.iter_blocks():
            x = block(x, classes) if isinstance(block, GeneratorBlock) else block(x)
        return self.conv2d5(F.relu(self.bn4(x))).tanh()
