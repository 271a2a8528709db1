"""Where in an image external attention looks: the maps of chosen rows of Mk.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), its figures of attention maps. A row of the memory Mk is one
learnt key; its map is the attention A of every token to it, laid over the image.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UserError
from ..models.backbones import EAMLP
from ..models.token_mixers import ExternalAttention, MultiHeadExternalAttention

COLUMNS = 9


@dataclass
class AttentionRecord:
    """What the last external attention of a model saw in its last forward pass.

    Attributes:
        image (np.ndarray): What the backbone was given, (H, W, 3), RGB, uint8.
        attention (Tensor): (heads, h, w, S): of every place of the map, to each of the S
            rows of Mk; one head for :class:`ExternalAttention`.
        row_size (Sequence[int], optional): The (h, w) of a backbone that keeps its
            tokens in a row, as EAMLP.
        num_passes (int): Forward passes so far.
    """

    image: np.ndarray | None = None
    attention: Tensor | None = None
    row_size: Sequence[int] | None = None
    num_passes: int = 0


@contextmanager
def record_attention(model: nn.Module) -> Iterator[AttentionRecord]:
    """Record the attention of the forward passes within, of the first image of each.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain: with a ``backbone``, and
            a ``data_preprocessor`` that normalises images.

    Yields:
        AttentionRecord: Filled by each forward pass.

    Raises:
        UserError: If the model has no external attention.
    """
    kinds = (ExternalAttention, MultiHeadExternalAttention)
    mixers = [m for m in model.modules() if isinstance(m, kinds)]
    if not mixers:
        raise UserError(
            f'{type(model).__name__} has no ExternalAttention and no '
            "MultiHeadExternalAttention to draw (an EAMLP's tokens-to-token module is "
            'not). Give the config of an EANet, of an EAMLP with its own mixer or of a '
            'model WithExternalAttention.'
        )
    record, mixer = AttentionRecord(), mixers[-1]

    def keep_image(backbone: nn.Module, inputs: tuple) -> None:
        record.num_passes += 1
        record.image = denormalize(inputs[0][0], model.data_preprocessor)

    def keep_attention(mixer: nn.Module, inputs: tuple) -> None:
        tokens = inputs[0]
        height, width = record.row_size or tokens.shape[1:-1]
        attention = mixer.attend(tokens[:1]).flatten(0, -3)  # (heads, N, S)
        attention = attention[:, -height * width :]  # without a class token before
        record.attention = attention.unflatten(1, (height, width)).float().cpu()

    def keep_size(module: nn.Module, inputs: tuple, tokens: Tensor) -> None:
        record.row_size = tokens.shape[1:3]

    hooks = [
        model.backbone.register_forward_pre_hook(keep_image),
        mixer.register_forward_pre_hook(keep_attention),
    ]
    if isinstance(model.backbone, EAMLP):
        hooks.append(model.backbone.tokens_to_token.register_forward_hook(keep_size))
    try:
        yield record
    finally:
        for hook in hooks:
            hook.remove()


def denormalize(image: Tensor, data_preprocessor: nn.Module) -> np.ndarray:
    """The (3, H, W) input of a backbone as it was before normalisation, (H, W, 3) RGB."""
    image = image.detach().float().cpu()
    mean = getattr(data_preprocessor, 'mean', None)
    if mean is not None:
        std = data_preprocessor.std.cpu().view(-1, 1, 1)
        image = image * std + mean.cpu().view(-1, 1, 1)
    # mmdet's and mmseg's preprocessors say it by one name, mmpretrain's by another.
    is_rgb = getattr(data_preprocessor, '_channel_conversion', None) or getattr(
        data_preprocessor, 'to_rgb', False
    )
    image = image if is_rgb else image.flip(0)
    return image.clamp(0, 255).byte().permute(1, 2, 0).numpy()


def draw_attention_maps(
    record: AttentionRecord, rows: Sequence[int], out_file: str | Path
) -> None:
    """Draw the image, and the maps of rows of Mk over it, one for each head.

    Each map is scaled by itself, from its lowest value to its highest.

    Args:
        record (AttentionRecord): What :func:`record_attention` kept.
        rows (Sequence[int]): Rows of Mk, from 0 to S - 1.
        out_file (str | Path): The PNG to write.

    Raises:
        UserError: If there is no such row.
    """
    heads, _, _, num_memories = record.attention.shape
    outside = [row for row in rows if not 0 <= row < num_memories]
    if outside or not rows:
        raise UserError(
            f'rows {list(rows)}: expected rows of Mk from 0 to {num_memories - 1}.'
        )
    image = ('image', record.image)
    maps = [
        [
            (
                f'row {row}' if heads == 1 else f'row {row}, head {head}',
                blend_heatmap(record.image, record.attention[head, :, :, row]),
            )
            for head in range(heads)
        ]
        for row in rows
    ]
    # The heads of a row begin a new line, behind the image.
    groups = (
        [[image, *(panel for row in maps for panel in row)]]
        if heads == 1
        else [[image, *row] for row in maps]
    )
    columns = min(len(groups[0]), COLUMNS)
    panels = []
    for group in groups:
        panels += group + [None] * (-len(group) % columns)
    # pyplot is left alone: it would keep every figure and choose a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = len(panels) // columns
    aspect = record.image.shape[0] / record.image.shape[1]
    figure = Figure(
        figsize=(1.8 * columns, (1.8 * aspect + 0.3) * lines), layout='constrained'
    )
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(lines, columns, squeeze=False).flat, panels):
        axes.axis('off')
        if panel:
            axes.set_title(panel[0], fontsize=9)
            axes.imshow(panel[1])
    figure.savefig(out_file, dpi=120)


def blend_heatmap(image: np.ndarray, attention: Tensor) -> np.ndarray:
    """(h, w) attention as colours, from blue to red, over an (H, W, 3) image."""
    from matplotlib import colormaps

    attention = F.interpolate(
        attention[None, None], image.shape[:2], mode='bilinear', align_corners=False
    )
    low, high = torch.aminmax(attention)
    scaled = ((attention - low) / (high - low).clamp_min(1e-12))[0, 0].numpy()
    colours = colormaps['jet'](scaled)[..., :3] * 255
    return (0.5 * image + 0.5 * colours).astype(np.uint8)
