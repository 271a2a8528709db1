"""The tensor path of a config's model: from images to the outputs of its heads."""

from typing import Any

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
