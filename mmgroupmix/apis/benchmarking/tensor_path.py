"""Models called with one tensor: a config's from images to heads, and generators."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ..recipes.describe import build_model
from ..tasks import DETECTION, infer_task


class TensorPath(nn.Module):
    """The model of a config with random weights, called with images alone.

    It is what ``forward(mode='tensor')`` of the toolboxes computes: backbone, neck and
    heads, without preprocessing, losses and postprocessing. A detector of two stages
    includes its proposals.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain.
    """

    def __init__(self, cfg: Config):
        super().__init__()
        self.task = infer_task(cfg)
        with DefaultScope.overwrite_default_scope(self.task.toolbox):
            self.model = build_model(cfg, 'cpu')

    @property
    def backbone(self) -> nn.Module | None:
        """The backbone of the model, if it has one."""
        return getattr(self.model, 'backbone', None)

    def forward(self, images: Tensor) -> Any:
        """Compute the outputs of the heads for images, (B, C, H, W)."""
        if self.task is not DETECTION:
            return self.model(images, mode='tensor')
        from mmdet.structures import DetDataSample

        size = tuple(images.shape[-2:])
        samples = [
            DetDataSample(metainfo=dict(img_shape=size, pad_shape=size)) for _ in images
        ]
        return self.model(images, data_samples=samples, mode='tensor')


class GeneratorPath(nn.Module):
    """A class-conditional generator, called with random vectors alone.

    Args:
        generator (nn.Module): Takes random vectors and classes.
    """

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor) -> Tensor:
        """Draw images of class 0 from random vectors, (B, z_dim)."""
        labels = torch.zeros(len(latents), dtype=torch.int64, device=latents.device)
        return self.generator(latents, labels)
