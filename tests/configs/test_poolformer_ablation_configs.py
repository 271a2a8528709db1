"""The ablations of the MetaFormer paper (Table 5), each with one change to S12."""

import pytest
import torch

from .experiments import build, num_parameters, read

S12 = 'poolformer_s12_in1k'
# The arguments of the backbone that change, and the parameters in millions (arXiv
# 2111.11418, Table 5), without the 21 million of the frozen matrices of 'random'. For
# 'no_layer_scale', which is smaller by two vectors per block, the paper gives no number.
TABLE = dict(
    identity=({'token_mixers'}, 11.9),
    random=({'token_mixers'}, 11.9),
    dwconv=({'token_mixers'}, 11.9),
    pool5=({'token_mixers'}, 11.9),
    pool7=({'token_mixers'}, 11.9),
    pool9=({'token_mixers'}, 11.9),
    layernorm=({'norm_cfg'}, 11.9),
    batchnorm=({'norm_cfg'}, 11.9),
    nonorm=({'norm_cfg'}, 11.9),
    relu=({'act_cfg'}, 11.9),
    silu=({'act_cfg'}, 11.9),
    no_residual=({'residual'}, 11.9),
    no_mlp=({'mlp_ratios'}, 2.5),
    no_layer_scale=({'layer_scale'}, 11.9),
    pppa=({'token_mixers', 'norm_cfg', 'position_embeddings'}, 14.0),
    ppaa=({'token_mixers', 'norm_cfg', 'position_embeddings'}, 16.5),
    pppf=({'token_mixers'}, 11.9),
    ppff=({'token_mixers'}, 12.2),
)
COVERED = [f'poolformer_s12_{name}_in1k' for name in TABLE]
# Tested on a crop of 0.95, as in the published code.
LARGE_CROP = ('pppa', 'ppaa', 'ppff')
MIXERS = dict(
    identity=['Identity'] * 4,
    random=['RandomMixing'] * 4,
    dwconv=['DepthwiseConv'] * 4,
    pppa=['Pooling'] * 3 + ['SelfAttention'],
    ppaa=['Pooling'] * 2 + ['SelfAttention'] * 2,
    pppf=['Pooling'] * 3 + ['SpatialFC'],
    ppff=['Pooling'] * 2 + ['SpatialFC'] * 2,
)


def read_ablation(name):
    return read(f'ablations/poolformer_s12_{name}_in1k')


def list_blocks(backbone):
    return [block for stage in backbone.stages for block in stage.blocks]


@pytest.mark.smoke
@pytest.mark.parametrize('name', TABLE)
def test_nothing_else_differs_from_the_baseline(name):
    cfg, baseline = read_ablation(name), read(S12)
    ours, theirs = cfg.model.pop('backbone'), baseline.model.pop('backbone')
    assert {
        key for key in ours if key not in theirs or ours[key] != theirs[key]
    } == TABLE[name][0]
    assert not theirs.keys() - ours.keys()
    if name in LARGE_CROP:
        for loader in (baseline.val_dataloader, baseline.test_dataloader):
            for step in loader.dataset.pipeline:
                if step.type == 'ResizeEdge':
                    step.scale = 236
    if name == 'batchnorm':
        # timm's --dist-bn reduce, the default of the published train.py.
        assert cfg.custom_hooks.pop() == dict(type='SyncBuffersHook')
    assert cfg.to_dict() == baseline.to_dict()


@pytest.mark.parametrize('name', TABLE)
def test_the_model_has_the_size_that_the_paper_states(name):
    assert round(num_parameters(read_ablation(name)) / 1e6, 1) == TABLE[name][1]


@pytest.mark.parametrize('name', TABLE)
def test_it_classifies_an_image_of_224_pixels(name):
    model = build(read_ablation(name)).eval()
    with torch.inference_mode():
        logits = model(torch.randn(1, 3, 224, 224), mode='tensor')
    assert logits.shape == (1, 1000)
    assert logits.isfinite().all()


@pytest.mark.smoke
@pytest.mark.parametrize('name', MIXERS)
def test_the_mixers_are_those_in_the_name(name):
    backbone = build(read_ablation(name), 'meta').backbone
    assert [
        type(stage.blocks[0].token_mixer).__name__ for stage in backbone.stages
    ] == MIXERS[name]


@pytest.mark.smoke
@pytest.mark.parametrize('size', [5, 7, 9])
def test_the_pooling_window_has_the_size_in_the_name(size):
    backbone = build(read_ablation(f'pool{size}'), 'meta').backbone
    assert {b.token_mixer.pool.kernel_size for b in list_blocks(backbone)} == {size}


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, norm, eps',
    [
        ('layernorm', 'LayerNorm', 1e-5),
        ('batchnorm', 'BatchNorm2d', 1e-5),
        ('nonorm', 'Identity', None),
        ('pppa', 'LayerNorm', 1e-5),
        ('ppaa', 'LayerNorm', 1e-5),
        ('pppf', 'GroupNorm', 1e-5),
    ],
)
def test_the_norms_are_those_of_the_published_model(name, norm, eps):
    backbone = build(read_ablation(name), 'meta').backbone
    norms = [n for b in list_blocks(backbone) for n in (b.norm1, b.norm2)]
    norms.append(backbone.final_norm)
    assert {(type(n).__name__, getattr(n, 'eps', None)) for n in norms} == {(norm, eps)}


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, shapes',
    [
        ('pppa', [None, None, None, (1, 7, 7, 512)]),
        ('ppaa', [None, None, (1, 14, 14, 320), None]),
    ],
)
def test_the_first_stage_with_attention_learns_positions(name, shapes):
    backbone = build(read_ablation(name), 'meta').backbone
    embeddings = [
        getattr(stage.position_embedding, 'embedding', None) for stage in backbone.stages
    ]
    assert [None if e is None else tuple(e.shape) for e in embeddings] == shapes


@pytest.mark.smoke
def test_the_frozen_random_matrices_have_21_million_entries():
    backbone = build(read_ablation('random'), 'meta').backbone
    assert round(sum(b.numel() for b in backbone.buffers()) / 1e6) == 21


@pytest.mark.smoke
@pytest.mark.parametrize('name, activation', [('relu', 'ReLU'), ('silu', 'SiLU')])
def test_the_activation_is_the_one_in_the_name(name, activation):
    backbone = build(read_ablation(name), 'meta').backbone
    assert {type(block.mlp.act).__name__ for block in list_blocks(backbone)} == {
        activation
    }


@pytest.mark.smoke
def test_parts_that_the_name_excludes_are_missing():
    def blocks(name):
        return list_blocks(build(read_ablation(name), 'meta').backbone)

    assert not any(block.residual for block in blocks('no_residual'))
    assert not any(block.mlp for block in blocks('no_mlp'))
    assert all(
        block.layer_scale1 is block.layer_scale2 is None
        for block in blocks('no_layer_scale')
    )
