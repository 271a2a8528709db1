"""Images for the hooks that draw predictions: read as the pipeline reads, shown as RGB.

mmdetection's and mmsegmentation's hooks read every image again, in colour and upright,
whatever the pipeline read: bands beyond the fourth fail, and a photo that the pipeline
leaves as it is stored is turned. Their ``backend_args`` can name where bytes come from.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.fileio import BaseStorageBackend, register_backend

from ...engine.image_reading import ImageReader, is_loading_step
from ...visualization.rgb import to_rgb
from ..config.tree import leaf_datasets, type_name, walk

#: The name under which ``backend_args`` finds the backend.
DRAWN_IMAGES = 'mmgroupmix.drawn_images'
FILE_DRAWING_HOOKS = ('SegVisualizationHook', 'DetVisualizationHook')


class DrawnImages(BaseStorageBackend):
    """Files as PNG images in RGB of what a loading step makes of them.

    Args:
        step (Mapping): The config of the step.
        scope (str): Its toolbox.
    """

    def __init__(self, step: Mapping, scope: str):
        self.reader = ImageReader(step, scope)

    def get(self, filepath: str | Path) -> bytes:
        """Read an image and encode it."""
        rgb = to_rgb(self.reader.read(filepath))
        return cv2.imencode('.png', rgb[..., ::-1])[1].tobytes()

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        """Not for images."""
        raise NotImplementedError


register_backend(DRAWN_IMAGES, DrawnImages, force=True)


def draw_as_read(runner: Any, loader: str) -> None:
    """Let the hooks of a runner draw on what its pipelines read, in place.

    Args:
        runner (Runner): The runner.
        loader (str): The data loader whose predictions are drawn.
    """
    scope = runner.cfg.get('default_scope') or 'mmengine'
    for hook in runner.hooks:
        name = type(hook).__name__
        if name in FILE_DRAWING_HOOKS and getattr(hook, 'backend_args', 0) is None:
            hook.backend_args = find_drawn_images(runner.cfg.get(loader), scope)
        elif name == 'VisualizationHook' and hasattr(hook, '_draw_samples'):
            hook._draw_samples = partial(draw_inputs, hook._draw_samples)


def draw_inputs(
    draw: Callable, batch_idx: int, data_batch: Mapping, *args: Any, **options: Any
) -> None:
    """Let mmpretrain's hook draw a batch, the inputs that are not in colour as RGB."""
    inputs = []
    for image in data_batch['inputs']:  # (C, H, W)
        is_single = isinstance(image, torch.Tensor) and image.dim() == 3  # no views
        if is_single and (len(image) != 3 or image.dtype != torch.uint8):
            rgb = to_rgb(image.permute(1, 2, 0).cpu().numpy())
            image = torch.from_numpy(rgb).permute(2, 0, 1)
        inputs.append(image)
    draw(batch_idx, dict(data_batch, inputs=inputs), *args, **options)


def find_drawn_images(loader: Mapping | None, scope: str) -> dict | None:
    """Find what lets a hook draw on the images of a data loader.

    Args:
        loader (Mapping | None): The config of the loader.
        scope (str): Its toolbox.

    Returns:
        dict | None: ``backend_args`` for the hook; None if it reads them as the pipeline
        does by itself.
    """
    for _, leaf in leaf_datasets((loader or {}).get('dataset') or {}):
        for _, step in walk(leaf.get('pipeline')):
            if is_loading_step(step) and not reads_in_colour(step):
                options = dict(step, type=type_name(step))
                return dict(backend=DRAWN_IMAGES, step=options, scope=scope)
    return None


def reads_in_colour(step: Mapping) -> bool:
    """Whether a step reads with OpenCV, upright, in colour or in grey."""
    return (
        type_name(step) == 'LoadImageFromFile'
        and step.get('imdecode_backend', 'cv2') in (None, 'cv2')
        and step.get('color_type', 'color') in ('color', 'grayscale')
    )
