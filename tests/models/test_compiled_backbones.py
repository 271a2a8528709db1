"""Backbones compile as one graph for images of any size, and compute the same."""

import pytest
import torch

from mmgroupmix.models import (
    EAMLP,
    GroupMixFormer,
    MetaFormer,
    PoolFormer,
    WithExternalAttention,
)

from .compiled import SIZES, compile_and_compare
from .small_backbones import randomize_batch_norms

NANO = dict(embed_dims=(10, 20, 30, 40), depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
#: Two stages have everything that four have.
STAGES = dict(out_indices=(0, 1), drop_path_rate=0.0)
NANO_EAMLP = dict(embed_dims=16, depth=1, num_heads=2, mlp_ratio=2)

BACKBONES = {
    'GroupMixFormer': lambda: GroupMixFormer(NANO, **STAGES),
    'PoolFormer': lambda: PoolFormer(NANO, **STAGES),
    'EAMLP': lambda: EAMLP(NANO_EAMLP, img_size=32, drop_path_rate=0.0),
    'external attention': lambda: WithExternalAttention(
        base=PoolFormer, arch=NANO, external_attention=dict(channels=20), **STAGES
    ),
}
MIXERS = [
    dict(type='DepthwiseConv'),
    dict(type='ExternalAttention'),
    dict(type='Identity'),
    dict(type='MultiHeadExternalAttention', num_heads=2),
    dict(type='SelfAttention', head_dim=5),
    dict(type='SpatialReductionAttention', num_heads=2, reduction=2),
    dict(type='WindowAttention', num_heads=2, window_size=3, shifted=True),
]
FIXED_MIXERS = ['RandomMixing', 'SpatialFC']


@pytest.fixture(params=BACKBONES)
def backbone(request):
    torch.manual_seed(0)
    return BACKBONES[request.param]()


def test_one_graph_serves_images_of_every_size(backbone):
    assert compile_and_compare(randomize_batch_norms(backbone)) == 1


def test_one_graph_serves_a_folded_backbone(backbone):
    assert compile_and_compare(randomize_batch_norms(backbone).fuse()) == 1


@pytest.mark.slow
def test_one_graph_serves_training_with_the_same_gradients(backbone):
    assert compile_and_compare(backbone, training=True, sizes=SIZES[:1]) == 1


@pytest.mark.slow
def test_one_graph_serves_training_on_images_of_every_size():
    backbone = PoolFormer(NANO, norm_cfg=dict(type='BN'), out_indices=(0,))
    assert compile_and_compare(backbone, training=True) == 1


@pytest.mark.slow
@pytest.mark.parametrize('cls', [GroupMixFormer, PoolFormer])
def test_one_graph_recomputes_activations_and_counts_batches_once(cls):
    norm_cfg = dict(type='BN')
    backbone = cls(NANO, norm_cfg=norm_cfg, with_cp=True, out_indices=(0,))
    assert compile_and_compare(backbone, training=True, sizes=SIZES[:1]) == 1


@pytest.mark.parametrize('mixer', MIXERS, ids=[mixer['type'] for mixer in MIXERS])
def test_one_graph_serves_every_token_mixer(mixer):
    assert compile_and_compare(MetaFormer(NANO, mixer, out_indices=(0,)).eval()) == 1


@pytest.mark.parametrize('name', FIXED_MIXERS)
def test_a_mixer_that_is_bound_to_one_size_compiles_for_it(name):
    mixer = dict(type=name, num_tokens=16 * 20)
    mixers = [mixer, 'Identity', 'Identity', 'Identity']
    backbone = MetaFormer(NANO, mixers, out_indices=(0,)).eval()
    assert compile_and_compare(backbone, sizes=SIZES[:1]) == 1


@pytest.mark.parametrize('aggregate_input', [False, True])
def test_one_graph_serves_every_aggregator(aggregate_input):
    kinds = ('identity', 'avg_pool', 'max_pool', 'min_pool', 'identity')
    backbone = GroupMixFormer(
        dict(NANO, embed_dims=(40, 40, 40, 40)),
        aggregators=dict(kinds=kinds, aggregate_input=aggregate_input),
        out_indices=(0,),
    )
    assert compile_and_compare(backbone.eval()) == 1
