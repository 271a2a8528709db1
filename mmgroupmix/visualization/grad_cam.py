"""Grad-CAM of the classifiers: where in an image the evidence for a class lies.

Paper: "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
(arXiv 1610.02391), Section 3, computed by the library ``grad-cam``.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import UserError
from ..models.backbones import EAMLP, MetaFormer
from ..models.layers.layout import to_map
from .panels import Panel, blend_heatmap


def compute_grad_cam(
    model: nn.Module,
    images: Tensor,
    classes: Sequence[int],
    stage: int | None = None,
    block: int | None = None,
) -> np.ndarray:
    """Compute the Grad-CAM of classes.

    Args:
        model (nn.Module): A classifier of mmpretrain with a backbone of this package.
        images (Tensor): A normalised image as the backbone takes it, (1, C, H, W).
        classes (Sequence[int]): Indices of classes.
        stage (int, optional): See :func:`find_target_layer`. Defaults to None.
        block (int, optional): See :func:`find_target_layer`. Defaults to None.

    Returns:
        np.ndarray: A map of each class, from 0 to 1, (len(classes), H, W).

    Raises:
        UserError: If the library is not installed, the model has another backbone, or it
            lacks the stage or block.
    """
    grad_cam_class, target_class = import_grad_cam()
    backbone = model.get_submodule('backbone')
    layer = find_target_layer(backbone, stage, block)
    reshape = to_map if isinstance(backbone, MetaFormer) else DropClassToken(backbone)
    grad_cam = grad_cam_class(model, [layer], reshape)
    # Gradients also reach the layer if all parameters are frozen.
    images = images.detach().expand(len(classes), -1, -1, -1).clone().requires_grad_()
    try:
        with torch.enable_grad():
            return grad_cam(images, [target_class(index) for index in classes])
    finally:
        grad_cam.activations_and_grads.release()
        model.zero_grad()
        if isinstance(reshape, DropClassToken):
            reshape.hook.remove()


def import_grad_cam() -> tuple[type, type]:
    """Import the classes ``GradCAM`` and ``ClassifierOutputTarget`` of the library.

    Raises:
        UserError: If it is not installed.
    """
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError as error:
        raise UserError(
            f'Grad-CAM needs the library grad-cam ({error}). Install it without what it '
            'would add to your environment: `pip install --no-deps grad-cam ttach`, and '
            '`pip install scikit-learn` if that is missing.'
        ) from error
    return GradCAM, ClassifierOutputTarget


def find_target_layer(
    backbone: nn.Module, stage: int | None, block: int | None
) -> nn.Module:
    """Find the layer whose activations are weighted: by default, the last with positions.

    In a MetaFormer, it is the output of a block. In an EAMLP, whose classifier sees the
    class token only, it is the norm before a token mixer: the other tokens no longer
    matter behind the mixer of the last block.

    Args:
        backbone (nn.Module): The backbone of a classifier.
        stage (int | None): Stage of a MetaFormer, from 0; None is the last. An EAMLP has
            none.
        block (int | None): Block, from 0, of the stage or of an EAMLP; None is the last.

    Raises:
        UserError: If the backbone is of another kind, or lacks the stage or block.
    """
    if isinstance(backbone, MetaFormer):
        num_stages = len(backbone.stages)
        stage = num_stages - 1 if stage is None else stage
        if not 0 <= stage < num_stages:
            raise UserError(f'stage {stage}: expected one from 0 to {num_stages - 1}.')
        blocks = list(backbone.get_submodule(f'stages.{stage}.blocks').children())
    elif isinstance(backbone, EAMLP):
        if stage is not None:
            raise UserError(f'stage {stage}: an EAMLP has no stages, give a block only.')
        blocks = list(backbone.blocks)
    else:
        raise UserError(
            f'Grad-CAM: {type(backbone).__name__} is not a backbone of this package, '
            'expected a MetaFormer (such as GroupMixFormer or PoolFormer) or an EAMLP. '
            "mmpretrain's tools/visualization/vis_cam.py takes other backbones."
        )
    block = len(blocks) - 1 if block is None else block
    if not 0 <= block < len(blocks):
        raise UserError(f'block {block}: expected one from 0 to {len(blocks) - 1}.')
    is_eamlp = isinstance(backbone, EAMLP)
    return blocks[block].get_submodule('norm1') if is_eamlp else blocks[block]


def build_cam_line(
    image: np.ndarray, cams: np.ndarray, titles: Sequence[str]
) -> list[Panel]:
    """Build a line of panels: an image, and the maps of classes over it.

    Args:
        image (np.ndarray): In RGB, uint8, (H, W, 3).
        cams (np.ndarray): Maps from 0 to 1, (classes, H, W).
        titles (Sequence[str]): One per class.

    Returns:
        list[Panel]: 1 + classes panels.
    """
    maps = [blend_heatmap(image, torch.from_numpy(cam), (0.0, 1.0)) for cam in cams]
    return [('image', image), *zip(titles, maps)]


class DropClassToken:
    """The reshape transform of an EAMLP: (B, 1, 1 + N, C) tokens to (B, C, h, w).

    Args:
        backbone (EAMLP): The source of (h, w), until ``hook`` is removed.
    """

    def __init__(self, backbone: nn.Module):
        self.size: Sequence[int] = ()
        tokens_to_token = backbone.get_submodule('tokens_to_token')
        self.hook = tokens_to_token.register_forward_hook(self.record_size)

    def record_size(self, module: nn.Module, inputs: tuple, tokens: Tensor) -> None:
        """Keep the (h, w) of the tokens, (B, h, w, C)."""
        self.size = tokens.shape[1:3]

    def __call__(self, tokens: Tensor) -> Tensor:
        """(B, 1, 1 + N, C) to (B, C, h, w)."""
        return to_map(tokens[:, 0, 1:].unflatten(1, tuple(self.size)))
