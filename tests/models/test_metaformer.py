"""The skeleton: any token mixer, found by its name, in any variation of the block."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS as ROOT
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import MetaFormer, MetaFormerBlock, PoolFormer
from mmgroupmix.models.layers.norm import norm_tokens
from mmgroupmix.registry import TOKEN_MIXERS

SIZES = dict(embed_dims=(8, 16, 24, 32), depths=(1, 1, 2, 1), mlp_ratios=(2, 2, 2, 2))


@TOKEN_MIXERS.register_module(force=True)
class MeanOfAllTokens(nn.Module):
    """The simplest mixer: every token gets the mean of all."""

    def __init__(self, dim, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x.mean((1, 2), keepdim=True).expand_as(x) * self.factor


def build(**arguments):
    return MetaFormer(**{'arch': SIZES, 'token_mixers': 'MeanOfAllTokens', **arguments})


def shapes(outputs):
    return [tuple(out.shape) for out in outputs]


@pytest.mark.smoke
def test_a_persons_own_mixer_makes_a_backbone():
    backbone = build(token_mixers=dict(type='MeanOfAllTokens', factor=2.0))
    assert shapes(backbone(torch.randn(2, 3, 50, 33))) == [
        (2, 8, 12, 8),
        (2, 16, 6, 4),
        (2, 24, 3, 2),
        (2, 32, 2, 1),
    ]
    assert backbone.stages[2].blocks[1].token_mixer.factor == 2


@pytest.mark.smoke
def test_a_persons_own_mixer_keeps_its_initial_weights():
    class Gate(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.linear = nn.Linear(dim, dim)
            nn.init.constant_(self.linear.weight, 0.5)
            nn.init.constant_(self.linear.bias, 0.25)

        def forward(self, x):
            return x * self.linear(x)

    backbone = build(token_mixers=Gate)
    backbone.init_weights()
    block = backbone.stages[1].blocks[0]
    assert (block.token_mixer.linear.weight == 0.5).all()
    assert (block.token_mixer.linear.bias == 0.25).all()
    assert block.mlp.fc1.weight.std() < 0.03


@pytest.mark.smoke
@pytest.mark.parametrize(
    'returned, told',
    [
        (lambda x: x.permute(0, 3, 1, 2), r'\(1, 8, 6, 4\), expected \(1, 6, 4, 8\)'),
        (lambda x: x.mean((1, 2), keepdim=True), r'\(1, 1, 1, 8\), expected'),
        (lambda x: None, 'NoneType, expected'),
        (lambda x: (x, x), 'tuple, expected'),
    ],
    ids=['map', 'mean', 'None', 'tuple'],
)
def test_a_mixer_that_returns_something_else_is_named(returned, told):
    class Strange(nn.Module):
        def forward(self, x):
            return returned(x)

    with pytest.raises(UserError, match=f'token mixer Strange returned {told}'):
        MetaFormerBlock(8, Strange())(torch.randn(1, 6, 4, 8))


@pytest.mark.smoke
def test_a_mixer_can_be_given_as_its_class():
    backbone = build(token_mixers=MeanOfAllTokens)
    assert isinstance(backbone.stages[0].blocks[0].token_mixer, MeanOfAllTokens)


@pytest.mark.smoke
def test_every_stage_can_have_a_mixer_of_its_own():
    backbone = build(
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
def test_every_mixer_of_any_size_trains_in_the_skeleton(mixer, dims):
    backbone = build(arch=dict(SIZES, embed_dims=dims), token_mixers=mixer, layer_scale=1)
    loss = sum(out.square().mean() for out in backbone(torch.randn(2, 3, 47, 64)))
    loss.backward()
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.smoke
@pytest.mark.parametrize('mixer', ['RandomMixing', 'SpatialFC'])
def test_a_mixer_bound_to_a_number_of_tokens_says_so(mixer):
    counts = (16**2, 8**2, 4**2, 2**2)
    backbone = build(token_mixers=[dict(type=mixer, num_tokens=n) for n in counts])
    assert len(backbone(torch.randn(1, 3, 64, 64))) == 4
    with pytest.raises(UserError, match=f'{mixer}.*num_tokens=256 .*24 x 16 = 384'):
        backbone(torch.randn(1, 3, 96, 64))


def reference_block(x, block, norm, act):
    """Equations 1 to 3 on (B, C, H, W) maps, with layer scale."""

    def scaled(branch, scale):
        return branch if scale is None else scale[:, None, None] * branch

    def mlp(x):
        hidden = F.conv2d(x, block.mlp.fc1.weight[:, :, None, None], block.mlp.fc1.bias)
        return F.conv2d(
            act(hidden), block.mlp.fc2.weight[:, :, None, None], block.mlp.fc2.bias
        )

    x = x + scaled(
        block.token_mixer(norm(x, block.norm1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        block.layer_scale1,
    )
    return x + scaled(mlp(norm(x, block.norm2)), block.layer_scale2)


def over_tokens_and_channels(x, norm):
    mean, var = x.mean((1, 2, 3), True), x.var((1, 2, 3), False, True)
    return affine((x - mean) / (var + norm.eps).sqrt(), norm)


def over_channels(x, norm):
    mean, var = x.mean(1, True), x.var(1, False, True)
    return affine((x - mean) / (var + norm.eps).sqrt(), norm)


def over_batch_and_tokens(x, norm):
    mean, var = x.mean((0, 2, 3), True), x.var((0, 2, 3), False, True)
    return affine((x - mean) / (var + norm.eps).sqrt(), norm)


def affine(x, norm):
    return x * norm.weight[:, None, None] + norm.bias[:, None, None]


@pytest.mark.smoke
@pytest.mark.parametrize('act', ['GELU', 'ReLU', 'SiLU'])
@pytest.mark.parametrize(
    'norm_cfg, norm',
    [
        (dict(type='GN', num_groups=1), over_tokens_and_channels),
        (dict(type='LN'), over_channels),
        (dict(type='BN'), over_batch_and_tokens),
        (None, lambda x, _: x),
    ],
    ids=['GN', 'LN', 'BN', 'none'],
)
@pytest.mark.parametrize('layer_scale', [0, 0.3])
def test_the_block_is_the_papers_equations(norm_cfg, norm, act, layer_scale):
    torch.manual_seed(0)
    block = MetaFormerBlock(
        8, MeanOfAllTokens(8), 2, norm_cfg, dict(type=act), layer_scale
    ).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 8, 5, 7, dtype=torch.double) * 3 + 1
    function = dict(GELU=F.gelu, ReLU=F.relu, SiLU=F.silu)[act]
    expected = reference_block(x, block, norm, function)
    output = block(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(output, expected)


@pytest.mark.smoke
def test_the_toolboxes_layer_norm_for_maps_normalises_channels():
    from mmpretrain.models.utils import LayerNorm2d

    plain, theirs = nn.LayerNorm(8), LayerNorm2d(8, eps=1e-5)
    x = torch.randn(1, 8, 8, 8)  # as many places as channels: nothing would fail
    torch.testing.assert_close(norm_tokens(theirs, x), norm_tokens(plain, x))


@pytest.mark.smoke
def test_a_mixer_may_take_any_arguments():
    class Passing(nn.Module):
        def __init__(self, factor=1.0, **others):
            super().__init__()
            self.others = others

        def forward(self, x):
            return x

    arch = dict(SIZES, embed_dims=(8, 8, 8, 8))
    backbone = build(arch=arch, token_mixers=Passing)
    assert backbone.stages[0].blocks[0].token_mixer.others == dict(dim=8)


@pytest.mark.smoke
def test_a_block_without_residual_gives_its_branch_alone():
    block = MetaFormerBlock(8, MeanOfAllTokens(8), residual=False, norm_cfg=None)
    x = torch.randn(1, 4, 4, 8)
    mixed = x.mean((1, 2), keepdim=True).expand_as(x)
    torch.testing.assert_close(block(x), block.mlp(mixed))


@pytest.mark.smoke
def test_a_block_without_mlp_ends_after_the_mixer():
    backbone = build(mlp_ratios=0, norm_cfg=None)
    block = backbone.stages[0].blocks[0]
    assert not list(block.parameters())
    x = torch.randn(1, 4, 4, 8)
    torch.testing.assert_close(block(x), x + x.mean((1, 2), keepdim=True))


@pytest.mark.smoke
def test_an_argument_wins_over_the_architecture():
    backbone = PoolFormer('s12', mlp_ratios=2, layer_scale=0, drop_path_rate=0.3)
    block = backbone.stages[3].blocks[-1]
    assert block.mlp.fc1.out_features == 2 * 512
    assert block.layer_scale1 is None
    assert block.drop_path.drop_prob == pytest.approx(0.3)
    assert PoolFormer('s12', layer_scale=0.1).stages[0].blocks[0].layer_scale2[0] == 0.1


@pytest.mark.smoke
def test_mlp_ratios_may_differ_by_stage():
    backbone = build(mlp_ratios=(1, 2, 0, 4))
    hidden = [
        stage.blocks[0].mlp and stage.blocks[0].mlp.fc1.out_features
        for stage in backbone.stages
    ]
    assert hidden == [8, 32, None, 128]


@pytest.mark.smoke
def test_sync_batch_norm_turns_into_batch_norm_on_one_device():
    from mmengine.model import revert_sync_batchnorm

    backbone = revert_sync_batchnorm(build(norm_cfg=dict(type='SyncBN')))
    assert all(out.isfinite().all() for out in backbone(torch.randn(2, 3, 64, 64)))


@pytest.mark.smoke
def test_a_position_embedding_is_added_at_the_start_of_its_stage():
    backbone = build(
        token_mixers='Identity', position_embeddings=(None, None, None, (2, 3))
    )
    stage = backbone.stages[3]
    nn.init.normal_(stage.position_embedding.embedding)
    x = torch.randn(1, 24, 4, 6)
    embedded = stage.embedding(x).permute(0, 2, 3, 1)
    expected = stage.blocks[0](embedded + stage.position_embedding.embedding)
    torch.testing.assert_close(stage(x), expected.permute(0, 3, 1, 2))


@pytest.mark.smoke
def test_a_position_embedding_is_resampled_for_other_sizes():
    backbone = build(position_embeddings=((16, 16), None, None, None))
    position = backbone.stages[0].position_embedding
    ramp = torch.linspace(-1, 1, 16).view(1, 16, 1, 1)
    position.embedding.data += ramp
    added = position(torch.zeros(1, 8, 24, 8))
    assert added.shape == (1, 8, 24, 8)
    # The middle of each pair of rows: bicubic resampling keeps a ramp, but at the edge.
    rows = ramp.view(8, 2).mean(1)
    torch.testing.assert_close(added[0, 1:-1, 5, 0], rows[1:-1], rtol=0, atol=1e-3)


@pytest.mark.smoke
def test_a_classifiers_norm_is_on_the_last_map_alone():
    torch.manual_seed(0)
    backbone = build(final_norm=True)
    names = {name for name in backbone.state_dict() if 'norm' in name.split('.')[0]}
    assert names == {'final_norm.weight', 'final_norm.bias'}
    last = backbone(torch.randn(1, 3, 64, 64))[3]
    assert float(last.mean()) == pytest.approx(0, abs=1e-5)
    assert float(last.std(correction=0)) == pytest.approx(1, rel=1e-3)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, error, told',
    [
        (dict(token_mixers=['MeanOfAllTokens'] * 2), ValueError, '2 token_mixers'),
        (dict(token_mixers=None), ValueError, 'token_mixers is missing.*Pooling'),
        (dict(token_mixers='Poling'), ValueError, "'Poling'.*did you mean 'Pooling'"),
        (dict(token_mixers=dict(pool_size=3)), ValueError, 'no type'),
        (
            dict(token_mixers=dict(type='Pooling', size=3)),
            TypeError,
            "Pooling has no argument 'size'.*pool_size",
        ),
        (
            dict(token_mixers=dict(type='SpatialFC')),
            TypeError,
            'SpatialFC: missing.*num_tok',
        ),
        (dict(token_mixers=dict(type='Pooling', dim=8)), ValueError, 'has dim already'),
        (dict(token_mixers=nn.GELU), ValueError, 'GELU.__init__ takes no dim'),
        (dict(arch='s12'), ValueError, "unknown arch 's12'.*Allowed: a dict"),
        (dict(mlp_ratios=(1, 2)), ValueError, r'mlp_ratios=\(1, 2\).*four'),
        (dict(mlp_ratios=-1), ValueError, r'mlp_ratios=\(-1.*from 0 \(no MLP\)'),
        (dict(layer_scale='on'), ValueError, "layer_scale='on'"),
        (dict(mlp_ratios=0.01), ValueError, r'mlp_ratios=\(0.01'),
        (dict(token_mixers=5), ValueError, '5 token_mixers, expected one'),
        (dict(token_mixers=[]), ValueError, '0 token_mixers'),
        (dict(token_mixers=[5] * 4), ValueError, 'token mixer 5 has no type'),
        (
            dict(arch=dict(SIZES, depths=(1.0, 1, 1, 1))),
            ValueError,
            'depths=.*whole numbers',
        ),
        (
            dict(arch=dict(SIZES, embed_dims=(8.0, 8, 8, 8))),
            ValueError,
            'embed_dims=.*whole',
        ),
        (
            dict(arch=dict(depths=(1, 1, 1, 1))),
            ValueError,
            r"lacks embed_dims, mlp_ratios. Given: \{'depths'",
        ),
        (dict(norm_cfg=dict(type='GroupNrm')), ValueError, "'GroupNrm'.*type='GN'"),
        (dict(act_cfg=dict(type='Gelu')), ValueError, "'Gelu'.*type='GELU'"),
        (dict(position_embeddings=((7, 7),)), ValueError, 'position_embeddings=.*four'),
        (dict(final_norm=True, out_indices=(0, 1)), ValueError, 'final_norm=True.*Add 3'),
        (dict(norms='LN'), TypeError, "MetaFormer has no argument 'norms'"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, error, told):
    with pytest.raises(error, match=told):
        build(**arguments)


@pytest.mark.smoke
def test_a_subclass_names_itself_in_messages():
    with pytest.raises(TypeError, match="PoolFormer has no argument 'pool_size'"):
        PoolFormer('s12', pool_size=3)
    with pytest.raises(UserError, match="PoolFormer: unknown arch 's13'.*s12, s24"):
        PoolFormer('s13')


@pytest.mark.smoke
@pytest.mark.parametrize('scope', ['mmseg', 'mmdet', 'mmpretrain'])
@pytest.mark.parametrize('backbone', ['GroupMixFormer', 'PoolFormer'])
def test_every_toolbox_finds_the_backbones_by_scope(scope, backbone):
    import importlib

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
