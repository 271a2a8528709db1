"""Responses of Group-Mix Attention: which groups of tokens answer where.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Appendix, figures of the aggregators' responses. A branch of the mixer is one segment of
the channels; each pre-attention branch holds two heads. The response at a position is the
mean absolute value of the output's channels there.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from ..models.layers.group_proxies import GroupProxies
from ..models.token_mixers import GroupMixAttention
from ..models.token_mixers.segments import NUM_SEGMENTS
from .input_record import InputRecord, record_input
from .panels import Panel, blend_heatmap, draw_panels

#: Heads in a pre-attention branch.
HEADS_PER_BRANCH = 2

_MIXER = re.compile(r'stages\.(\d+)\.blocks\.(\d+)\.token_mixer')


@dataclass
class ResponseRecord(InputRecord):
    """Input of a model and what the branches of one of its mixers made of it.

    Attributes:
        mixer (str): Place of the mixer in the backbone, as 'stage 2, block 11'.
        titles (Sequence[str]): One per branch, the non-attention branch last.
        outputs (list[Tensor]): The output of each branch for the first image of the last
            forward pass, of shape (h, w, c).
    """

    mixer: str = ''
    titles: Sequence[str] = ()
    outputs: list[Tensor] = field(default_factory=list)

    def compute_segment_responses(self) -> list[Tensor]:
        """Compute the response of each branch, (h, w)."""
        return [output.abs().mean(-1) for output in self.outputs]

    def compute_head_responses(self) -> list[list[Tensor]]:
        """Compute the responses (h, w) of both heads of each pre-attention branch."""
        return [
            [head.abs().mean(-1) for head in output.chunk(HEADS_PER_BRANCH, dim=-1)]
            for output in self.outputs[:-1]
        ]


@contextmanager
def record_responses(
    model: nn.Module, stage: int | None = None, block: int | None = None
) -> Iterator[ResponseRecord]:
    """Record the branches of a mixer for the first image of each forward pass.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain: with a ``backbone`` and
            a ``data_preprocessor`` that normalises images.
        stage (int, optional): Stage of the mixer, from 0. Defaults to None: stage 2,
            whose maps have a 16th of the image's resolution.
        block (int, optional): Block of that stage, from 0. Defaults to None: the last.

    Yields:
        ResponseRecord: Overwritten by each forward pass in the ``with`` statement.

    Raises:
        UserError: If there is no :class:`GroupMixAttention`, or its heads share segments.
    """
    backbone = model.get_submodule('backbone')
    place, mixer = find_mixer(backbone, 2 if stage is None else stage, block)
    if isinstance(mixer.non_attention, GroupProxies):
        raise UserError(
            f"{place}: the last of the aggregators' kinds is 'identity', so that heads "
            'share all segments. Only a model with a non-attention branch, and so with '
            'heads of single segments, can be drawn.'
        )
    titles = [describe_aggregator(branch) for branch in mixer.pre_attention]
    record = ResponseRecord(mixer=place, titles=[*titles, 'non-attention'])

    def record_outputs(proj: nn.Module, inputs: tuple[Tensor]) -> None:
        # The projection takes the branches' outputs side by side.
        outputs = inputs[0][0].detach().float().cpu()
        record.outputs = list(outputs.chunk(NUM_SEGMENTS, dim=-1))

    hook = mixer.proj.register_forward_pre_hook(record_outputs)
    try:
        with record_input(model, record):
            yield record
    finally:
        hook.remove()


def find_mixer(
    backbone: nn.Module, stage: int, block: int | None
) -> tuple[str, GroupMixAttention]:
    """Find the mixer of a block, and name its place.

    Raises:
        UserError: If it is not a :class:`GroupMixAttention`.
    """
    mixers = {
        (int(found[1]), int(found[2])): module
        for name, module in backbone.named_modules()
        if isinstance(module, GroupMixAttention) and (found := _MIXER.fullmatch(name))
    }
    if not mixers:
        raise UserError(
            f'{type(backbone).__name__} has no GroupMixAttention in its blocks, whose '
            'responses could be drawn. Use the config of a GroupMixFormer.'
        )
    if block is None:
        block = max((index for number, index in mixers if number == stage), default=-1)
    if (stage, block) not in mixers:
        stages = sorted({number for number, _ in mixers})
        blocks = [sum(number == n for number, _ in mixers) for n in stages]
        raise UserError(
            f'stage {stage}, block {"last" if block < 0 else block}: there is no '
            f'GroupMixAttention. The stages {stages} have {blocks} blocks with it, '
            'counted from 0.'
        )
    return f'stage {stage}, block {block}', mixers[stage, block]


def describe_aggregator(branch: nn.Module) -> str:
    """The title of a pre-attention branch: the kernel of its aggregator, or its class."""
    aggregator = getattr(branch, 'aggregator', branch)
    depthwise = getattr(aggregator, 'depthwise', None)
    if isinstance(depthwise, nn.Conv2d):
        return '{}x{}'.format(*depthwise.kernel_size)
    return (
        'identity' if isinstance(aggregator, nn.Identity) else type(aggregator).__name__
    )


def draw_responses(records: Sequence[ResponseRecord], out_file: str | Path) -> None:
    """Draw three lines per image: the branches, and below them their two heads each.

    The magnitudes of branches differ by far more than those of positions. So each map has
    its own scale, whose limits are in its title.

    Args:
        records (Sequence[ResponseRecord]): Records of one mixer that
            :func:`record_responses` filled, one per image.
        out_file (str | Path): The PNG file to write.

    Raises:
        ValueError: If a record is empty.
    """
    lines = [line for record in records for line in build_lines(record)]
    draw_panels(
        lines,
        out_file,
        f'{records[0].mixer}: mean absolute activation of the channels; in each panel '
        'blue is the lowest, red the highest value',
    )


def build_lines(record: ResponseRecord) -> list[list[Panel]]:
    """Build the lines of panels of an image."""
    image = record.image
    if image is None or not record.outputs:
        raise ValueError('the record is empty: the model has made no forward pass')

    def build_panel(title: str, response: Tensor) -> Panel:
        low, high = response.min().item(), response.max().item()
        blended = blend_heatmap(image, response, (low, high))
        return f'{title}\n{low:.2g} to {high:.2g}', blended

    segments = zip(record.titles, record.compute_segment_responses())
    lines: list[list[Panel]] = [[('image', image), *(build_panel(*s) for s in segments)]]
    pairs = record.compute_head_responses()
    for offset in range(HEADS_PER_BRANCH):
        heads = [
            build_panel(f'head {HEADS_PER_BRANCH * branch + offset}', pair[offset])
            for branch, pair in enumerate(pairs)
        ]
        lines.append([None, *heads, None])
    return lines
