"""External attention in a user's own backbone."""

import pickle
from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage, revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmgroupmix.errors import UnknownArgumentError, UserError
from mmgroupmix.models import ExternalAttentionBlock, WithExternalAttention

from ..two_maps import TwoMaps, build_in_toolbox, build_two_maps, make_image


@pytest.mark.smoke
@pytest.mark.parametrize('stage, index', [(-1, 1), (0, 0), (1, 1), (-2, 0)])
@pytest.mark.parametrize('output', [tuple, list])
def test_only_the_map_of_its_stage_passes_the_block(stage, index, output):
    backbone = build_two_maps(stage, output=output).eval()
    expected = list(TwoMaps.forward(backbone, make_image()))
    expected[index] = backbone.external_attention(expected[index])
    maps = backbone(make_image())
    assert type(maps) is output
    for one, other in zip(maps, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.smoke
def test_a_backbone_may_return_a_single_tensor():
    backbone = build_two_maps(output=lambda maps: maps[0]).eval()
    bare = TwoMaps.forward(backbone, make_image())
    expected = backbone.external_attention(bare)
    torch.testing.assert_close(backbone(make_image()), expected)


@pytest.mark.parametrize('scope', ['mmdet', 'mmseg', 'mmpretrain'])
def test_the_base_is_found_in_the_toolbox_of_the_config(scope):
    pytest.importorskip(scope)
    backbone = build_in_toolbox(
        scope, base='ResNet', external_attention=dict(channels=512), depth=18
    )
    assert type(backbone).__module__.startswith(f'{scope}.')
    with DefaultScope.overwrite_default_scope(scope):
        plain = MODELS.build(dict(type='ResNet', depth=18))
    added = {
        f'external_attention.{key}' for key in ExternalAttentionBlock(512).state_dict()
    }
    assert set(backbone.state_dict()) == set(plain.state_dict()) | added


@pytest.mark.parametrize('base', ['mmdet.ResNet', 'mmdet.SwinTransformer'])
def test_the_base_may_name_another_toolbox(base):
    pytest.importorskip('mmdet')
    channels, arguments = (
        (512, dict(depth=18)) if 'ResNet' in base else (768, dict(depths=(1, 1, 1, 1)))
    )
    backbone = build_in_toolbox(
        None, base=base, external_attention=dict(channels=channels), **arguments
    )
    assert backbone(make_image(64))[-1].shape == (2, channels, 2, 2)


@pytest.mark.smoke
def test_an_existing_config_changes_two_lines():
    pytest.importorskip('mmdet')
    theirs = Config(
        dict(
            model=dict(
                backbone=dict(
                    type='ResNet',
                    depth=18,
                    out_indices=(2, 3),
                    frozen_stages=1,
                    norm_eval=True,
                )
            )
        )
    )
    theirs.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(
                    type='mmgroupmix.WithExternalAttention',
                    base='ResNet',
                    external_attention=dict(channels=512),
                )
            )
        )
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = MODELS.build(theirs.model.backbone)
    assert backbone.out_indices == (2, 3)
    assert not any(p.requires_grad for p in backbone.layer1.parameters())
    assert all(p.requires_grad for p in backbone.external_attention.parameters())
    assert theirs.model.backbone.external_attention == dict(channels=512)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'copy_backbone',
    [
        deepcopy,
        lambda backbone: pickle.loads(pickle.dumps(backbone)),
        lambda backbone: ExponentialMovingAverage(backbone).module,
    ],
    ids=['deepcopy', 'pickle', 'ema'],
)
def test_a_copy_passes_its_map_through_its_own_block(copy_backbone):
    backbone = build_two_maps().eval()
    copy = copy_backbone(backbone).eval()
    before = backbone(make_image())[-1]
    torch.testing.assert_close(copy(make_image())[-1], before)
    nn.init.zeros_(copy.external_attention.conv2.weight)
    assert not torch.allclose(copy(make_image())[-1], before, atol=0.01)
    torch.testing.assert_close(backbone(make_image())[-1], before)


@pytest.mark.smoke
def test_its_norm_is_synchronised_and_reverted_with_the_others():
    backbone = nn.SyncBatchNorm.convert_sync_batchnorm(build_two_maps())
    assert isinstance(backbone.external_attention.norm, nn.SyncBatchNorm)
    backbone = revert_sync_batchnorm(backbone).eval()
    assert backbone(make_image())[-1].shape == (2, 6, 8, 8)


@pytest.mark.smoke
def test_norm_eval_keeps_the_pretrained_statistics_and_not_those_of_the_block():
    backbone = build_two_maps(norm_eval=True).train()
    backbone(make_image())
    assert backbone.norm.num_batches_tracked == 0
    assert backbone.external_attention.norm.num_batches_tracked == 1


@pytest.mark.smoke
@pytest.mark.parametrize('part', ['backbone', 'block'])
def test_in_eval_mode_its_statistics_stay(part):
    backbone = build_two_maps(norm_eval=True).train()
    (backbone if part == 'backbone' else backbone.external_attention).eval()
    backbone(make_image())
    assert backbone.external_attention.norm.num_batches_tracked == 0


@pytest.mark.smoke
@pytest.mark.parametrize(
    'base, message',
    [
        ('mmgroupmix.PoolFormr', "did you mean 'mmgroupmix.PoolFormer'"),
        ('PoolFormer', "did you mean 'mmgroupmix.PoolFormer'"),
        ('nowhere.at.all', "base='nowhere.at.all', expected a registered backbone"),
    ],
)
def test_an_unknown_base_gets_a_suggestion(base, message):
    with pytest.raises(UserError, match=message):
        build_in_toolbox(None, base=base, external_attention=dict(channels=40))


@pytest.mark.smoke
@pytest.mark.parametrize('base', [object, 7, b'ResNet'])
def test_a_base_that_is_not_a_backbone_is_named(base):
    with pytest.raises(UserError, match=r'base=.*, expected the name or the class of a'):
        WithExternalAttention(base, dict(channels=6))


@pytest.mark.smoke
@pytest.mark.parametrize(
    'block, message',
    [
        (dict(chanels=6), "no argument 'chanels' .did you mean 'channels'"),
        (dict(channels=6, stag=1), "no argument 'stag' .did you mean 'stage'"),
        (
            dict(stage=1),
            "external_attention: missing 'channels'. Its arguments: channels",
        ),
        (dict(channels=6, stage='last'), "stage='last', expected the index of a map"),
        (6, 'external_attention=6, expected the type of the backbone and a dict'),
    ],
)
def test_mistyped_arguments_of_the_block_are_named(block, message):
    with pytest.raises(UnknownArgumentError, match=message):
        WithExternalAttention(TwoMaps, block)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'block, output, message',
    [
        (
            dict(channels=8),
            tuple,
            r'channels=8, expected a map \(B, 8, H, W\).*, \(2, 6, 8, 8\). Set stage '
            'to the index of a map, and channels to its channels',
        ),
        (
            dict(channels=6, stage=2),
            tuple,
            r'stage=2, .* of TwoMaps: \(2, 6, 16, 16\), \(2, 6, 8, 8\). Set stage',
        ),
        (dict(channels=6, stage=-3), tuple, 'stage=-3, channels=6, expected a map'),
        (
            dict(channels=6),
            lambda maps: [maps[0].mean((2, 3))],
            r'outputs of TwoMaps: \(2, 6\)',
        ),
        (dict(channels=6), lambda maps: dict(c1=maps[0]), 'expected a map .*: str'),
    ],
)
def test_an_output_without_the_map_is_explained(block, output, message):
    backbone = WithExternalAttention(TwoMaps, block, output=output)
    with pytest.raises(UserError, match=message):
        backbone(make_image())


@pytest.mark.smoke
def test_a_backbone_with_external_attention_is_refused():
    with pytest.raises(UserError, match='TwoMaps has external_attention already'):
        WithExternalAttention(
            lambda: WithExternalAttention(TwoMaps, dict(channels=6)), dict(channels=6)
        )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            dict(base='ResNet'),
            "base='ResNet', external_attention=None, expected .* a dict",
        ),
        (
            dict(external_attention=dict(channels=40)),
            'base=None, external_attention=.*expected the type of the backbone',
        ),
    ],
    ids=str,
)
def test_a_missing_argument_is_explained(arguments, message):
    with pytest.raises(UnknownArgumentError, match=message):
        WithExternalAttention(**arguments)


@pytest.mark.smoke
def test_impossible_arguments_of_the_block_are_named():
    with pytest.raises(UserError, match='channels=0, expected an integer of at least 1'):
        WithExternalAttention(TwoMaps, dict(channels=0))


@pytest.mark.smoke
def test_an_error_inside_the_block_is_not_taken_for_a_wrong_map():
    backbone = build_two_maps()
    backbone.external_attention.attention = nn.Linear(7, 7)
    with pytest.raises(RuntimeError, match='mat1 and mat2'):
        backbone(make_image())
