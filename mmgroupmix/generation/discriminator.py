"""SAGAN's projection discriminator, whose attention is an argument.

Papers: "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318); "cGANs with
Projection Discriminator" (arXiv 1802.05637), Section 3, for the class; "Beyond
Self-attention: External Attention using Two Linear Layers for Visual Tasks" (arXiv
2105.02358), Section 4.6. The layers are as in PyTorch-StudioGAN as of May 2021.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from ..arguments import check_int, explain_arguments
from ..registry import MODELS
from .architecture import BASE_CHANNELS, get_architecture
from .attention import build_attention
from .blocks import DiscriminatorBlock, FirstDiscriminatorBlock
from .network import SAGANNetwork
from .spectral_norm import normalize_spectrally


@MODELS.register_module()
@explain_arguments
class SAGANDiscriminator(SAGANNetwork):
    """Scores images of given classes: high for real ones.

    Args:
        img_size (int): Height and width of the images in pixels, 32 or 64.
        num_classes (int): Classes.
        attention (str | dict | None): Attention after the first block, as for
            :class:`SAGANGenerator`. Defaults to 'SelfAttention2d'.
        base_channels (int): Channels are multiples of this. Defaults to 64.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=FILE)`` for
            published or own weights. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    part = 'discriminator'
    first_layer = 'linear1'
    other = 'SAGAN generator'
    other_layer = 'linear0'

    def __init__(
        self,
        img_size: int,
        num_classes: int,
        attention: str | Mapping | None = 'SelfAttention2d',
        base_channels: int = BASE_CHANNELS,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        owner = type(self).__name__
        arch = get_architecture(owner, img_size)
        self.img_size = img_size
        self.num_classes = check_int(f'{owner}: num_classes', num_classes, 1)
        base = check_int(f'{owner}: base_channels', base_channels, 1)
        dims = [3, *(base * factor for factor in arch.discriminator)]
        self.blocks = nn.ModuleList()
        for number, dim in enumerate(dims[1:], start=1):
            self.append_block(
                DiscriminatorBlock(dims[number - 1], dim, number <= arch.num_downsampling)
                if number > 1
                else FirstDiscriminatorBlock(dims[0], dim)
            )
            if number == arch.discriminator_attention:
                self.append_block(build_attention(owner, attention, dim))
        self.linear1 = normalize_spectrally(nn.Linear(dims[-1], 1))
        self.embedding = normalize_spectrally(nn.Embedding(num_classes, dims[-1]))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score images.

        Args:
            images (Tensor): RGB images, (B, 3, img_size, img_size), from -1 to 1.
            labels (Tensor): Classes, (B,), integers from 0 to ``num_classes - 1``.

        Returns:
            Tensor: Scores, (B,).
        """
        x = images
        for block in self.iter_blocks():
            x = block(x)
        # A sum, not a mean, over pixels.
        features = F.relu(x).sum(dim=(2, 3))  # (B, C)
        projection = (self.embedding(labels) * features).sum(dim=1)
        return self.linear1(features).squeeze(1) + projection
