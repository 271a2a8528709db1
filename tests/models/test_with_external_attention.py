"""External attention in a person's own backbone."""

import pickle
from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage, revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn

from mmgroupmix.errors import CheckpointError, UnknownArgumentError, UserError
from mmgroupmix.models import (
    ExternalAttentionBlock,
    GroupMixFormer,
    PoolFormer,
    WithExternalAttention,
)

WIDTHS = (10, 20, 30, 40)
NANO = dict(embed_dims=WIDTHS, depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
BLOCK = dict(channels=40, num_memories=4)


class TwoMaps(nn.Module):
    """A backbone of a person's own, with a batch norm and any kind of output."""

    def __init__(self, output=tuple, norm_eval=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.output, self.norm_eval = output, norm_eval

    def forward(self, x):
        x = self.norm(self.conv(x))
        return self.output([x, 2 * x[..., ::2, ::2]])

    def train(self, mode=True):
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def two_maps(stage=-1, **arguments):
    torch.manual_seed(0)
    return WithExternalAttention(
        TwoMaps, dict(channels=6, num_memories=4, stage=stage), **arguments
    )


def image(size=16):
    torch.manual_seed(1)
    return torch.randn(2, 3, size, size)


def in_toolbox(scope, **backbone):
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(dict(type='mmgroupmix.WithExternalAttention', **backbone))


@pytest.mark.smoke
@pytest.mark.parametrize('stage, index', [(-1, 1), (0, 0), (1, 1), (-2, 0)])
@pytest.mark.parametrize('output', [tuple, list])
def test_the_map_of_its_stage_passes_the_block_and_no_other(stage, index, output):
    backbone = two_maps(stage, output=output).eval()
    expected = list(TwoMaps.forward(backbone, image()))
    expected[index] = backbone.external_attention(expected[index])
    maps = backbone(image())
    assert type(maps) is output
    for one, other in zip(maps, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.smoke
def test_a_backbone_may_return_its_one_map_bare():
    backbone = two_maps(output=lambda maps: maps[0]).eval()
    bare = TwoMaps.forward(backbone, image())
    assert torch.equal(backbone(image()), backbone.external_attention(bare))


@pytest.mark.parametrize('scope', ['mmdet', 'mmseg', 'mmpretrain'])
def test_the_base_is_found_in_the_toolbox_of_the_config(scope):
    pytest.importorskip(scope)
    backbone = in_toolbox(
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
    backbone = in_toolbox(
        None, base=base, external_attention=dict(channels=channels), **arguments
    )
    assert backbone(image(64))[-1].shape == (2, channels, 2, 2)


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
    'copied',
    [
        deepcopy,
        lambda backbone: pickle.loads(pickle.dumps(backbone)),
        lambda backbone: ExponentialMovingAverage(backbone).module,
    ],
    ids=['deepcopy', 'pickle', 'ema'],
)
def test_a_copy_passes_its_map_through_its_own_block(copied):
    backbone = two_maps().eval()
    copy = copied(backbone).eval()
    before = backbone(image())[-1]
    assert torch.equal(copy(image())[-1], before)
    nn.init.zeros_(copy.external_attention.conv2.weight)
    assert not torch.equal(copy(image())[-1], before)
    assert torch.equal(backbone(image())[-1], before)


@pytest.mark.smoke
def test_its_norm_is_synchronized_and_reverted_with_the_others():
    backbone = nn.SyncBatchNorm.convert_sync_batchnorm(two_maps())
    assert isinstance(backbone.external_attention.norm, nn.SyncBatchNorm)
    backbone = revert_sync_batchnorm(backbone).eval()
    assert backbone(image())[-1].shape == (2, 6, 8, 8)


@pytest.mark.smoke
def test_norm_eval_keeps_the_pretrained_statistics_and_not_those_of_the_block():
    backbone = two_maps(norm_eval=True).train()
    backbone(image())
    assert backbone.norm.num_batches_tracked == 0
    assert backbone.external_attention.norm.num_batches_tracked == 1


@pytest.mark.smoke
@pytest.mark.parametrize('part', ['backbone', 'block'])
def test_in_eval_mode_its_statistics_stay(part):
    backbone = two_maps(norm_eval=True).train()
    (backbone if part == 'backbone' else backbone.external_attention).eval()
    backbone(image())
    assert backbone.external_attention.norm.num_batches_tracked == 0


@pytest.mark.smoke
def test_weights_of_the_plain_backbone_load_and_the_block_starts_afresh(tmp_path):
    pytest.importorskip('mmdet')
    with DefaultScope.overwrite_default_scope('mmdet'):
        plain = MODELS.build(dict(type='ResNet', depth=18))
    file = str(tmp_path / 'resnet18.pth')
    torch.save(plain.state_dict(), file)
    backbone = in_toolbox(
        'mmdet',
        base='ResNet',
        external_attention=dict(channels=512),
        depth=18,
        init_cfg=dict(type='Pretrained', checkpoint=file),
    )
    block = deepcopy(backbone.external_attention.state_dict())
    backbone.init_weights()
    for key, value in plain.state_dict().items():
        assert torch.equal(backbone.state_dict()[key], value), key
    nn.init.zeros_(backbone.conv1.weight)
    load_checkpoint(backbone, file)
    assert torch.equal(backbone.conv1.weight, plain.conv1.weight)
    for key, value in block.items():
        assert torch.equal(backbone.external_attention.state_dict()[key], value), key


OURS = pytest.mark.parametrize('cls', [PoolFormer, GroupMixFormer])


@pytest.mark.smoke
@OURS
def test_a_backbone_of_this_package_starts_from_files_without_the_block(cls, tmp_path):
    plain = cls(NANO)
    file = tmp_path / 'plain.pth'
    torch.save(plain.state_dict(), file)
    backbone = WithExternalAttention(
        f'mmgroupmix.{cls.__name__}',
        BLOCK,
        arch=NANO,
        init_cfg=dict(type='Pretrained', checkpoint=str(file)),
    )
    memory = backbone.external_attention.attention.memory_key.clone()
    backbone.init_weights()
    for key, value in plain.state_dict().items():
        assert torch.equal(backbone.state_dict()[key], value), key
    assert torch.equal(backbone.external_attention.attention.memory_key, memory)


@pytest.mark.smoke
@OURS
def test_a_file_with_the_block_loads_it_and_with_half_of_it_is_refused(cls):
    trained = WithExternalAttention(cls, BLOCK, arch=NANO)
    state = trained.state_dict()
    backbone = WithExternalAttention(cls, BLOCK, arch=NANO)
    backbone.load_state_dict(state)
    assert torch.equal(
        backbone.external_attention.conv1.weight, trained.external_attention.conv1.weight
    )
    state.pop('external_attention.conv1.weight')
    with pytest.raises(CheckpointError, match='Missing: external_attention.conv1.weight'):
        backbone.load_state_dict(state)


@pytest.mark.smoke
@OURS
def test_a_plain_backbone_refuses_a_file_with_the_block(cls):
    state = WithExternalAttention(cls, BLOCK, arch=NANO).state_dict()
    with pytest.raises(CheckpointError, match='Left over: .* in external_attention'):
        cls(NANO).load_state_dict(state)


@pytest.mark.smoke
@OURS
def test_it_is_folded_for_inference_with_its_backbone(cls):
    backbone = WithExternalAttention(cls, BLOCK, arch=NANO).eval()
    nn.init.uniform_(backbone.external_attention.norm.running_var, 0.5, 2)
    expected = backbone(image(64))
    backbone.fuse()
    assert isinstance(backbone.external_attention.norm, nn.Identity)
    for one, other in zip(backbone(image(64)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'base, told',
    [
        ('mmgroupmix.PoolFormr', "did you mean 'mmgroupmix.PoolFormer'"),
        ('PoolFormer', "did you mean 'mmgroupmix.PoolFormer'"),
        ('nowhere.at.all', "base='nowhere.at.all' is no registered backbone"),
    ],
)
def test_an_unknown_base_gets_a_suggestion(base, told):
    with pytest.raises(UserError, match=told):
        in_toolbox(None, base=base, external_attention=BLOCK)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'block, told',
    [
        (dict(chanels=6), "no argument 'chanels' .did you mean 'channels'"),
        (dict(channels=6, stag=1), "no argument 'stag' .did you mean 'stage'"),
        (dict(stage=1), "missing a required argument: 'channels'"),
        (dict(channels=6, stage='last'), "stage='last', expected the place"),
        (6, 'external_attention=6, expected a dict'),
    ],
)
def test_mistyped_arguments_of_the_block_are_named(block, told):
    with pytest.raises(UnknownArgumentError, match=told):
        WithExternalAttention(TwoMaps, block)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'block, output, told',
    [
        (dict(channels=8), tuple, 'channels=8, but the map .* has 6. Set channels=6'),
        (
            dict(channels=6, stage=2),
            tuple,
            r'stage=2, but of TwoMaps 2 map\(s\) come out',
        ),
        (dict(channels=6, stage=-3), tuple, 'stage=-3'),
        (
            dict(channels=6),
            lambda maps: [maps[0].mean((2, 3))],
            r'shape \(2, 6\), expected',
        ),
        (dict(channels=6), lambda maps: dict(c1=maps[0]), 'of str, expected a map'),
    ],
)
def test_what_the_backbone_returns_must_hold_the_map(block, output, told):
    backbone = WithExternalAttention(TwoMaps, block, output=output)
    with pytest.raises(UserError, match=told):
        backbone(image())


@pytest.mark.smoke
def test_a_backbone_with_a_part_of_that_name_is_refused():
    with pytest.raises(UserError, match='has an external_attention already'):
        WithExternalAttention(
            lambda: WithExternalAttention(TwoMaps, dict(channels=6)), dict(channels=6)
        )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, told',
    [
        (dict(base='ResNet'), 'expected base.*external_attention=None'),
        (dict(external_attention=BLOCK), 'expected base.*base=None'),
        (dict(base=TwoMaps, external_attention=dict(channels=0)), 'channels=0, expected'),
    ],
    ids=str,
)
def test_a_missing_argument_is_explained(arguments, told):
    with pytest.raises(UnknownArgumentError, match=told):
        WithExternalAttention(**arguments)
