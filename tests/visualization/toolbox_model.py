"""What a model of any toolbox has: a backbone and a data preprocessor."""

from mmengine.model import ImgDataPreprocessor
from torch import nn

NORMALIZATION = dict(mean=[10.0, 20.0, 30.0], std=[2.0, 4.0, 5.0])


def build_model(backbone, data_preprocessor=None):
    """Build such a model in eval mode; by default, images become RGB."""
    model = nn.Module()
    model.backbone = backbone.eval()
    model.data_preprocessor = data_preprocessor or ImgDataPreprocessor(
        **NORMALIZATION, bgr_to_rgb=True
    )
    return model
