"""Attention maps of external attention, laid over the image.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), figures of attention maps. A row of the memory Mk is a learnt
key; its map is the attention A of every token to it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from ..models.backbones import EAMLP
from ..models.token_mixers import ExternalAttention, MultiHeadExternalAttention
from .input_record import InputRecord, record_input
from .panels import Panel, blend_heatmap, draw_panels

#: The largest number of panels in a line of the picture.
MAX_COLUMNS = 9


@dataclass
class AttentionRecord(InputRecord):
    """Input and attention of the last external attention of a model.

    Attributes:
        attention (Tensor | None): The attention of every position of the map to each of
            the S rows of Mk, of shape (heads, h, w, S), with one head for
            :class:`ExternalAttention`; None before the first forward pass.
        map_size (Sequence[int] | None): The (h, w) of a backbone such as EAMLP, which
            keeps its tokens as a sequence; None for maps.
    """

    attention: Tensor | None = None
    map_size: Sequence[int] | None = None


@contextmanager
def record_attention(model: nn.Module) -> Iterator[AttentionRecord]:
    """Record the attention to the first image of each forward pass.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain: with a ``backbone`` and
            a ``data_preprocessor`` that normalises images.

    Yields:
        AttentionRecord: Overwritten by each forward pass in the ``with`` statement.

    Raises:
        UserError: If the model has no external attention.
    """
    mixers = [
        module
        for module in model.modules()
        if isinstance(module, (ExternalAttention, MultiHeadExternalAttention))
    ]
    if not mixers:
        raise UserError(
            f'{type(model).__name__} has no ExternalAttention and no '
            'MultiHeadExternalAttention to draw (the tokens-to-token module of an EAMLP '
            'does not count). Use the config of an EANet, of an EAMLP with its own mixer '
            'or of a model WithExternalAttention.'
        )
    record, mixer = AttentionRecord(), mixers[-1]
    backbone = model.get_submodule('backbone')

    def record_map(module: nn.Module, inputs: tuple[Tensor]) -> None:
        tokens = inputs[0]
        height, width = record.map_size or tokens.shape[1:-1]
        attention = mixer.attend(tokens[:1]).flatten(0, -3)  # (heads, N, S)
        attention = attention[:, -height * width :]  # without the class token
        record.attention = attention.unflatten(1, (height, width)).float().cpu()

    def record_map_size(module: nn.Module, inputs: tuple, tokens: Tensor) -> None:
        record.map_size = tokens.shape[1:3]

    hooks = [mixer.register_forward_pre_hook(record_map)]
    if isinstance(backbone, EAMLP):
        hooks.append(backbone.tokens_to_token.register_forward_hook(record_map_size))
    try:
        with record_input(model, record):
            yield record
    finally:
        for hook in hooks:
            hook.remove()


def draw_attention_maps(
    record: AttentionRecord, rows: Sequence[int], out_file: str | Path
) -> None:
    """Draw an image, and over it the maps of rows of Mk, one per head.

    Each map is scaled from its lowest value to its highest.

    Args:
        record (AttentionRecord): A record that :func:`record_attention` filled.
        rows (Sequence[int]): Rows of Mk, from 0 to S - 1.
        out_file (str | Path): The PNG file to write.

    Raises:
        UserError: If Mk does not have a row, or none is given.
        ValueError: If the record is empty.
    """
    image, attention = record.image, record.attention
    if image is None or attention is None:
        raise ValueError('the record is empty: the model has made no forward pass')
    heads, _, _, num_memories = attention.shape
    outside = [row for row in rows if not 0 <= row < num_memories]
    if outside or not rows:
        raise UserError(
            f'rows {list(rows)}: expected rows of Mk from 0 to {num_memories - 1}.'
        )
    image_panel = ('image', image)
    maps = [
        [
            (
                f'row {row}' if heads == 1 else f'row {row}, head {head}',
                blend_heatmap(image, attention[head, :, :, row]),
            )
            for head in range(heads)
        ]
        for row in rows
    ]
    # With several heads, each row of Mk starts a new line with the image.
    groups = (
        [[image_panel, *(panel for row in maps for panel in row)]]
        if heads == 1
        else [[image_panel, *row] for row in maps]
    )
    columns = min(len(groups[0]), MAX_COLUMNS)
    lines: list[list[Panel]] = []
    for group in groups:
        padded = [*group, *[None] * (-len(group) % columns)]
        lines += [padded[i : i + columns] for i in range(0, len(padded), columns)]
    draw_panels(lines, out_file)
