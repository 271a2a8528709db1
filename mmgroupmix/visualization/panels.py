"""Panels of a picture: images, heat maps over them, and the grid as a PNG."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .rgb import to_rgb

#: A title and an RGB image, uint8, of shape (H, W, 3); None leaves a place empty.
Panel = tuple[str, np.ndarray] | None

#: Width of a panel, height of a line of text and of the margins of a text, in inches.
PANEL_WIDTH, TEXT_HEIGHT, TEXT_MARGIN = 1.8, 0.15, 0.15
#: Characters of a caption that fit into an inch.
CHARACTERS_PER_INCH = 14


def denormalize(image: Tensor, data_preprocessor: nn.Module) -> np.ndarray:
    """Undo the normalisation of an image.

    Args:
        image (Tensor): The input of a backbone, of shape (C, H, W).
        data_preprocessor (nn.Module): The data preprocessor of mmseg, mmdet or
            mmpretrain that made it.

    Returns:
        np.ndarray: The image in RGB, uint8, of shape (H, W, 3); see :func:`to_rgb` for
        one whose C is not 3.
    """
    image = image.detach().float().cpu()
    mean, std = (getattr(data_preprocessor, name, None) for name in ('mean', 'std'))
    if mean is not None and std is not None:
        image = image * std.cpu().view(-1, 1, 1) + mean.cpu().view(-1, 1, 1)
    if len(image) != 3:
        return to_rgb(image.permute(1, 2, 0).numpy())
    # Datasets load BGR. The attribute that says whether it is converted to RGB is private
    # in mmengine, mmdet and the maintained mmseg, public in classic mmseg and mmpretrain.
    names = ('_channel_conversion', 'channel_conversion', 'to_rgb')
    is_rgb = any(getattr(data_preprocessor, name, False) for name in names)
    image = image if is_rgb else image.flip(0)
    return image.clamp(0, 255).byte().permute(1, 2, 0).numpy()


def blend_heatmap(
    image: np.ndarray, heatmap: Tensor, limits: tuple[float, float] | None = None
) -> np.ndarray:
    """Lay a heat map over an image.

    Args:
        image (np.ndarray): Of shape (H, W, 3), uint8.
        heatmap (Tensor): Of shape (h, w).
        limits (tuple[float, float], optional): The values that are blue and red. Defaults
            to None: the lowest and the highest of the resized map.

    Returns:
        np.ndarray: The map in colours from blue to red, blended with the image, of shape
        (H, W, 3), uint8.
    """
    from matplotlib import colormaps

    heatmap = F.interpolate(
        heatmap[None, None], image.shape[:2], mode='bilinear', align_corners=False
    )
    low, high = torch.aminmax(heatmap) if limits is None else map(torch.tensor, limits)
    scaled = ((heatmap - low) / (high - low).clamp_min(1e-12))[0, 0].numpy()
    colors = colormaps['jet'](scaled)[..., :3] * 255
    return (0.5 * image + 0.5 * colors).astype(np.uint8)


def draw_panels(
    lines: Sequence[Sequence[Panel]], out_file: str | Path, caption: str = ''
) -> None:
    """Draw panels in a grid.

    Args:
        lines (Sequence[Sequence[Panel]]): Lines of equal length, each with a panel at
            least.
        out_file (str | Path): The PNG file to write.
        caption (str): Text below the grid. Defaults to '': none.
    """
    # Without pyplot, which would keep every figure and choose a display.
    from matplotlib.figure import Figure

    columns = len(lines[0])
    width = PANEL_WIDTH * columns
    heights = [
        max(
            measure_text(title) + PANEL_WIDTH * image.shape[0] / image.shape[1]
            for title, image in filter(None, line)
        )
        for line in lines
    ]
    caption = textwrap.fill(caption, int(CHARACTERS_PER_INCH * width))
    height = sum(heights) + measure_text(caption)
    figure = Figure(figsize=(width, height), layout='constrained')
    grid = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    panels = [panel for line in lines for panel in line]
    for axes, panel in zip(grid.flat, panels, strict=True):
        axes.axis('off')
        if panel:
            axes.set_title(panel[0], fontsize=9)
            axes.imshow(panel[1])
    if caption:
        figure.supxlabel(caption, fontsize=9)
    figure.savefig(out_file, dpi=120)


def measure_text(text: str) -> float:
    """The height of a text with its margins in inches; 0 without a text."""
    return TEXT_MARGIN + TEXT_HEIGHT * len(text.splitlines()) if text else 0.0
