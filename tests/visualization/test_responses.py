"""Responses of Group-Mix Attention: what is recorded, how it is summed up and drawn."""

import copy

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixFormer, PoolFormer
from mmgroupmix.visualization.panels import blend_heatmap
from mmgroupmix.visualization.responses import (
    ResponseRecord,
    draw_responses,
    record_responses,
)

from ..models.small_backbones import NANO
from .toolbox_model import NORMALIZATION, build_model

pytestmark = pytest.mark.smoke


def answer_with_impulses(proj, inputs):
    """Replace what branch i made of an image by impulses in row i of the first column.

    They are i in the first head, -3 i in the second.
    """
    (mixed,) = inputs
    mixed = torch.zeros_like(mixed)
    for index, output in enumerate(mixed.chunk(5, dim=-1)):
        first, second = output.chunk(2, dim=-1)
        first[:, index, 0] = index
        second[:, index, 0] = -3 * index
    return (mixed,)


def build_impulse_model():
    backbone = GroupMixFormer(NANO)
    mixer = backbone.stages[0].blocks[0].token_mixer
    mixer.proj.register_forward_pre_hook(answer_with_impulses)
    return build_model(backbone)


@pytest.fixture
def impulses():
    model = build_impulse_model()
    with record_responses(model, stage=0) as record, torch.no_grad():
        model.backbone(torch.randn(2, 3, 32, 40))
    return record


def impulse(row, value):
    """A map of stage 0 for an image of 32x40."""
    expected = torch.zeros(8, 10)
    expected[row, 0] = value
    return expected


def test_the_response_of_a_segment_is_the_mean_absolute_value_of_its_channels(impulses):
    responses = impulses.compute_segment_responses()
    expected = [impulse(row, 2 * row) for row in range(5)]
    torch.testing.assert_close(responses, expected)


def test_a_pre_attention_branch_holds_two_heads_and_the_other_none(impulses):
    responses = impulses.compute_head_responses()
    expected = [[impulse(row, row), impulse(row, 3 * row)] for row in range(4)]
    torch.testing.assert_close(responses, expected)


@pytest.mark.parametrize('fuse', [False, True])
@pytest.mark.parametrize('head', [0, 1])
@pytest.mark.parametrize('branch', range(4))
def test_the_recorded_outputs_are_those_of_the_branches_in_order(branch, head, fuse):
    model = build_model(GroupMixFormer(NANO)).eval()
    mixer = model.backbone.stages[0].blocks[0].token_mixer
    image = torch.randn(1, 3, 32, 40)

    def record():
        backbone = copy.deepcopy(model.backbone)
        copied = build_model(backbone.fuse() if fuse else backbone)
        with record_responses(copied, stage=0, block=0) as responses, torch.no_grad():
            copied.backbone(image)
        return torch.stack(responses.outputs).unflatten(-1, (2, -1))  # of both heads

    before = record()
    # The bias of the position encoding adds q to the head, and to no other.
    torch.nn.init.ones_(mixer.pre_attention[branch].position.convs[head].bias)
    differs = (record() - before).abs().amax((1, 2, 4)) > 1e-4
    expected = torch.zeros(5, 2, dtype=torch.bool)
    expected[branch, head] = True
    assert torch.equal(differs, expected)


def test_an_aggregator_of_another_kind_has_the_name_of_its_class():
    mixer = dict(type='GroupMixAttention', kinds='max_pool')
    model = build_model(GroupMixFormer(NANO, token_mixers=mixer))
    with record_responses(model) as record:
        assert record.titles == ['identity', *['MapPooling'] * 3, 'non-attention']


@pytest.mark.parametrize('fuse', [False, True])
def test_the_titles_are_the_kernels_of_the_aggregators(fuse):
    model = build_model(GroupMixFormer(NANO))
    if fuse:
        model.backbone.fuse()
    with record_responses(model) as record:
        assert record.titles == ['identity', '3x3', '5x5', '7x7', 'non-attention']


@pytest.mark.parametrize(
    'stage, block, mixer, size',
    [
        (None, None, 'stage 2, block 0', (2, 3)),
        (1, None, 'stage 1, block 1', (4, 5)),
        (1, 0, 'stage 1, block 0', (4, 5)),
    ],
)
def test_the_mixer_of_the_stage_and_block_is_recorded(stage, block, mixer, size):
    model = build_model(GroupMixFormer(NANO))
    with record_responses(model, stage, block) as record, torch.no_grad():
        model.backbone(torch.randn(1, 3, 32, 40))
    assert record.mixer == mixer
    assert [tuple(output.shape[:2]) for output in record.outputs] == [size] * 5


def test_the_recorded_image_is_the_loaded_one_in_rgb():
    model = build_model(GroupMixFormer(NANO))
    image = torch.randint(0, 255, (3, 32, 40), dtype=torch.uint8)
    mean, std = (torch.tensor(NORMALIZATION[n]).view(3, 1, 1) for n in ('mean', 'std'))
    with record_responses(model) as record, torch.no_grad():
        model.backbone(((image - mean) / std)[None])
    shown = torch.from_numpy(record.image).permute(2, 0, 1)
    assert (shown.int() - image.int()).abs().max() <= 1


def test_later_forward_passes_are_not_recorded():
    model = build_model(GroupMixFormer(NANO))
    with record_responses(model) as record, torch.no_grad():
        model.backbone(torch.randn(1, 3, 32, 32))
    outputs = list(record.outputs)
    with torch.no_grad():
        model.backbone(torch.randn(1, 3, 32, 32))
    assert record.num_passes == 1
    assert all(a is b for a, b in zip(record.outputs, outputs, strict=True))


@pytest.mark.parametrize(
    'backbone_class, stage, block, message',
    [
        (PoolFormer, None, None, 'PoolFormer has no GroupMixAttention.*GroupMixFormer'),
        (GroupMixFormer, 4, None, 'stage 4, block last.*stages.*0, 1, 2, 3'),
        (GroupMixFormer, 1, 2, r'stage 1, block 2.*\[1, 2, 1, 1\] blocks'),
    ],
)
def test_what_is_not_there_is_refused(backbone_class, stage, block, message):
    model = build_model(backbone_class(NANO))
    with (
        pytest.raises(UserError, match=message),
        record_responses(model, stage, block),
    ):
        pass


def test_heads_that_share_segments_are_refused():
    arch = dict(NANO, embed_dims=(40, 40, 40, 40))
    backbone = GroupMixFormer(arch, aggregators=dict(kinds=['identity'] * 5))
    with (
        pytest.raises(UserError, match='stage 2, block 0.*heads share all segments'),
        record_responses(build_model(backbone), block=0),
    ):
        pass


def test_an_empty_record_is_refused(tmp_path):
    with pytest.raises(ValueError, match='no forward pass'):
        draw_responses([ResponseRecord(titles=['3x3'])], tmp_path / 'out.png')


def test_heads_are_drawn_below_their_segment(impulses, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
    draw_responses([impulses, impulses], tmp_path / 'out.png')
    titles = [axes.get_title().splitlines() for axes in figures[0].axes]
    assert len(titles) == 2 * 3 * 6
    names = [title[0] if title else '' for title in titles[:18]]
    assert names == [
        *('image', 'identity', '3x3', '5x5', '7x7', 'non-attention'),
        *('', 'head 0', 'head 2', 'head 4', 'head 6', ''),
        *('', 'head 1', 'head 3', 'head 5', 'head 7', ''),
    ]
    # Segment 2, and its second head below it, with the limits of their scales.
    assert [titles[i][1] for i in (3, 15)] == ['0 to 4', '0 to 6']
    for place, highest in ((3, 4), (15, 6)):
        (shown,) = figures[0].axes[place].get_images()
        expected = blend_heatmap(impulses.image, impulse(2, highest), (0.0, highest))
        np.testing.assert_array_equal(shown.get_array(), expected)
