"""MetaFormer as a backbone: any token mixer, four stages, feature maps of any size."""

import importlib

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS as ROOT
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import MetaFormer, PoolFormer

from ..mean_mixer import SIZES, MeanOfAllTokens, build_metaformer


def get_shapes(outputs):
    return [tuple(out.shape) for out in outputs]


@pytest.mark.smoke
def test_a_users_own_mixer_makes_a_backbone():
    backbone = build_metaformer(token_mixers=dict(type='MeanOfAllTokens', factor=2.0))
    assert get_shapes(backbone(torch.randn(2, 3, 50, 33))) == [
        (2, 8, 12, 8),
        (2, 16, 6, 4),
        (2, 24, 3, 2),
        (2, 32, 2, 1),
    ]
    assert backbone.stages[2].blocks[1].token_mixer.factor == 2


@pytest.mark.smoke
def test_a_users_own_mixer_keeps_its_initial_weights():
    class Gate(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.linear = nn.Linear(dim, dim)
            nn.init.constant_(self.linear.weight, 0.5)
            nn.init.constant_(self.linear.bias, 0.25)

        def forward(self, x):
            return x * self.linear(x)

    backbone = build_metaformer(token_mixers=Gate)
    backbone.init_weights()
    block = backbone.stages[1].blocks[0]
    assert (block.token_mixer.linear.weight == 0.5).all()
    assert (block.token_mixer.linear.bias == 0.25).all()
    assert block.mlp.fc1.weight.std() < 0.03


@pytest.mark.smoke
def test_a_mixer_can_be_given_as_its_class():
    backbone = build_metaformer(token_mixers=MeanOfAllTokens)
    assert isinstance(backbone.stages[0].blocks[0].token_mixer, MeanOfAllTokens)


@pytest.mark.smoke
def test_every_stage_can_have_a_mixer_of_its_own():
    backbone = build_metaformer(
        token_mixers=[
            'Pooling',
            dict(type='Pooling', pool_size=5),
            'MeanOfAllTokens',
            dict(type='SelfAttention', head_dim=8),
        ]
    )
    mixers = [stage.blocks[0].token_mixer for stage in backbone.stages]
    assert [type(mixer).__name__ for mixer in mixers] == [
        'Pooling',
        'Pooling',
        'MeanOfAllTokens',
        'SelfAttention',
    ]
    assert [mixer.pool.kernel_size for mixer in mixers[:2]] == [3, 5]
    assert all(out.isfinite().all() for out in backbone(torch.randn(1, 3, 64, 64)))


@pytest.mark.smoke
@pytest.mark.parametrize(
    'mixer, dims',
    [
        ('Identity', (8, 16, 24, 32)),
        ('DepthwiseConv', (8, 16, 24, 32)),
        ('ExternalAttention', (8, 16, 24, 32)),
        (dict(type='MultiHeadExternalAttention', num_heads=2), (8, 16, 24, 32)),
        ('GroupMixAttention', (10, 20, 30, 40)),
        ('SelfAttention', (32, 32, 64, 64)),
    ],
    ids=str,
)
def test_every_mixer_for_any_number_of_tokens_trains_in_a_backbone(mixer, dims):
    backbone = build_metaformer(
        arch=dict(SIZES, embed_dims=dims), token_mixers=mixer, layer_scale=1
    )
    loss = sum(out.square().mean() for out in backbone(torch.randn(2, 3, 47, 64)))
    loss.backward()
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.smoke
@pytest.mark.parametrize('mixer', ['RandomMixing', 'SpatialFC'])
def test_a_mixer_for_one_number_of_tokens_names_it(mixer):
    counts = (16**2, 8**2, 4**2, 2**2)
    backbone = build_metaformer(
        token_mixers=[dict(type=mixer, num_tokens=n) for n in counts]
    )
    assert len(backbone(torch.randn(1, 3, 64, 64))) == 4
    with pytest.raises(
        UserError, match=f'{mixer}: num_tokens=256, expected 384: it got 24 x 16'
    ):
        backbone(torch.randn(1, 3, 96, 64))


@pytest.mark.smoke
def test_a_mixer_may_take_any_arguments():
    class Passing(nn.Module):
        def __init__(self, factor=1.0, **others):
            super().__init__()
            self.others = others

        def forward(self, x):
            return x

    arch = dict(SIZES, embed_dims=(8, 8, 8, 8))
    backbone = build_metaformer(arch=arch, token_mixers=Passing)
    assert backbone.stages[0].blocks[0].token_mixer.others == dict(dim=8)


@pytest.mark.smoke
def test_an_argument_takes_precedence_over_the_architecture():
    backbone = PoolFormer('s12', mlp_ratios=2, layer_scale=0, drop_path_rate=0.3)
    block = backbone.stages[3].blocks[-1]
    assert block.mlp.fc1.out_features == 2 * 512
    assert block.layer_scale1 is None
    assert block.drop_path.drop_prob == pytest.approx(0.3)
    assert PoolFormer('s12', layer_scale=0.1).stages[0].blocks[0].layer_scale2[0] == 0.1


@pytest.mark.smoke
def test_mlp_ratios_may_differ_by_stage():
    backbone = build_metaformer(mlp_ratios=(1, 2, 0, 4))
    hidden = [
        stage.blocks[0].mlp and stage.blocks[0].mlp.fc1.out_features
        for stage in backbone.stages
    ]
    assert hidden == [8, 32, None, 128]


@pytest.mark.smoke
def test_a_backbone_may_have_neither_mlps_nor_norms():
    backbone = build_metaformer(mlp_ratios=0, norm_cfg=None)
    for stage in backbone.stages:
        for block in stage.blocks:
            assert not list(block.parameters())
            x = torch.randn(1, 4, 4, 8)
            torch.testing.assert_close(block(x), x + x.mean((1, 2), keepdim=True))


@pytest.mark.smoke
def test_sync_batch_norm_can_be_reverted_for_one_device():
    backbone = revert_sync_batchnorm(build_metaformer(norm_cfg=dict(type='SyncBN')))
    assert all(out.isfinite().all() for out in backbone(torch.randn(2, 3, 64, 64)))


@pytest.mark.smoke
def test_a_position_embedding_is_added_at_the_start_of_its_stage():
    backbone = build_metaformer(
        token_mixers='Identity', position_embeddings=(None, None, None, (2, 3))
    )
    stage = backbone.stages[3]
    nn.init.normal_(stage.position_embedding.embedding)
    x = torch.randn(1, 24, 4, 6)
    embedded = stage.downsample(x).permute(0, 2, 3, 1)
    expected = stage.blocks[0](embedded + stage.position_embedding.embedding)
    torch.testing.assert_close(stage(x.permute(0, 2, 3, 1)), expected)


@pytest.mark.smoke
def test_the_norm_of_a_classifier_is_on_the_last_map_only():
    torch.manual_seed(0)
    backbone = build_metaformer(final_norm=True)
    names = {name for name in backbone.state_dict() if 'norm' in name.split('.')[0]}
    assert names == {'final_norm.weight', 'final_norm.bias'}
    last = backbone(torch.randn(1, 3, 64, 64))[3]
    assert float(last.mean()) == pytest.approx(0, abs=1e-5)
    assert float(last.std(correction=0)) == pytest.approx(1, rel=1e-3)


@pytest.mark.smoke
@pytest.mark.parametrize('scope', ['mmseg', 'mmdet', 'mmpretrain'])
@pytest.mark.parametrize('backbone', ['GroupMixFormer', 'PoolFormer'])
def test_every_toolbox_finds_the_backbones_by_scope(scope, backbone):
    registry = importlib.import_module(f'{scope}.registry').MODELS
    built = registry.build(
        dict(
            type=f'mmgroupmix.{backbone}',
            arch=dict(
                embed_dims=(10, 10, 10, 10), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1)
            ),
        )
    )
    assert type(built).__module__.startswith('mmgroupmix')
    assert ROOT.get('mmgroupmix.MetaFormer') is MetaFormer


@pytest.mark.smoke
def test_every_block_gets_the_arguments_of_the_backbone():
    backbone = build_metaformer(
        norm_cfg=dict(type='LN'),
        act_cfg=dict(type='SiLU'),
        layer_scale=0.5,
        residual=False,
    )
    for stage in backbone.stages:
        for block in stage.blocks:
            assert isinstance(block.norm1, nn.LayerNorm)
            assert isinstance(block.norm2, nn.LayerNorm)
            assert isinstance(block.mlp.act, nn.SiLU)
            assert (block.layer_scale1 == 0.5).all() and (block.layer_scale2 == 0.5).all()
            assert not block.residual
    assert all(isinstance(norm, nn.LayerNorm) for norm in backbone.out_norms)


@pytest.mark.smoke
def test_every_returned_map_has_its_own_norm_and_no_other_map_has_one():
    torch.manual_seed(0)
    backbone = build_metaformer(out_indices=(1, 3))
    kinds = [type(norm).__name__ for norm in backbone.out_norms]
    assert kinds == ['Identity', 'GroupNorm', 'Identity', 'GroupNorm']
    for output in backbone(torch.randn(1, 3, 64, 64)):
        assert float(output.mean()) == pytest.approx(0, abs=1e-5)
        assert float(output.std(correction=0)) == pytest.approx(1, rel=1e-3)


@pytest.mark.smoke
def test_linear_layers_start_from_a_truncated_normal_distribution():
    backbone = build_metaformer(arch=dict(SIZES, embed_dims=(64, 64, 64, 64)))
    linears = [m for m in backbone.modules() if isinstance(m, nn.Linear)]
    weights = torch.cat([linear.weight.flatten() for linear in linears]).detach()
    assert float(weights.std()) == pytest.approx(0.02, rel=0.05)
    assert not any(linear.bias.any() for linear in linears)


@pytest.mark.smoke
def test_the_input_is_not_changed_and_maps_are_contiguous():
    image = torch.randn(1, 3, 32, 32)
    copy = image.clone()
    outputs = build_metaformer()(image)
    assert torch.equal(image, copy)
    assert all(out.is_contiguous() for out in outputs)
