"""PoolFormers with different mixers, norms and outputs, published or our own."""

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.poolformer import convert
from mmgroupmix.models import PoolFormer, convert_state_dict
from mmgroupmix.models.backbones import pretrained

LAST = dict(out_indices=(3,), final_norm=True)


@pytest.fixture(scope='module')
def published(poolformer_file):
    return poolformer_file


def test_hybrid_models_load_with_attention_and_position_embedding(published):
    # In the published list of stages, the position embedding shifts the last stage.
    hybrid = {k: v for k, v in published.items() if not k.startswith('network.6.')}
    hybrid['network.6.pos_embed'] = torch.randn(1, 512, 7, 7)
    for key, value in published.items():
        if key.startswith('network.6.'):
            hybrid['network.7.' + key.removeprefix('network.6.')] = value
    for block in range(2):
        mixer = f'network.7.{block}.token_mixer'
        hybrid[f'{mixer}.qkv.weight'] = torch.randn(3 * 512, 512)
        hybrid[f'{mixer}.proj.weight'] = torch.randn(512, 512)
        hybrid[f'{mixer}.proj.bias'] = torch.randn(512)
    backbone = PoolFormer(
        's12',
        ['Pooling', 'Pooling', 'Pooling', 'SelfAttention'],
        **LAST,
        norm_cfg=dict(type='LN'),
        position_embeddings=(None, None, None, (7, 7)),
    )
    backbone.load_state_dict(hybrid)
    last = backbone.stages[3]
    place = hybrid['network.6.pos_embed'][0, :, 2, 5]
    assert torch.equal(last.position_embedding.embedding[0, 2, 5], place)
    qkv = hybrid['network.7.1.token_mixer.qkv.weight']
    assert torch.equal(last.blocks[1].token_mixer.qkv.weight, qkv)
    with pytest.raises(CheckpointError, match='Unexpected.*stages.3'):
        PoolFormer('s12', **LAST).load_state_dict(hybrid)


def test_position_embeddings_in_every_stage_give_eleven_published_entries():
    published = [
        *('network.0.pos_embed', 'network.1.0.norm1.weight', 'network.2.proj.bias'),
        *('network.3.pos_embed', 'network.4.0.norm1.weight', 'network.5.proj.bias'),
        *('network.6.pos_embed', 'network.7.0.norm1.weight', 'network.8.proj.bias'),
        *('network.9.pos_embed', 'network.10.0.norm1.weight'),
    ]
    values = {key: torch.full((1, 1, 1, 1), float(i)) for i, key in enumerate(published)}
    places = {key: value.item() for key, value in convert(values).items()}
    for stage in range(4):
        assert places[f'stages.{stage}.position_embedding.embedding'] == 3 * stage
        assert places[f'stages.{stage}.blocks.0.norm1.weight'] == 3 * stage + 1
    for stage in range(1, 4):
        assert places[f'stages.{stage}.embedding.bias'] == 3 * stage - 1


def test_conversion_of_a_hybrid_model_names_the_token_mixers(published):
    hybrid = published | {
        f'network.6.{block}.token_mixer.fc.weight': torch.ones(49, 49)
        for block in range(2)
    }
    with pytest.raises(CheckpointError, match="'s12' with different token_mix.*as it is"):
        convert_state_dict(hybrid)


def test_a_file_without_layer_scale_is_recognised_as_poolformer(published):
    plain = {k: v for k, v in published.items() if 'layer_scale' not in k}
    PoolFormer('s12', layer_scale=0).load_state_dict(plain)
    with pytest.raises(
        CheckpointError, match='model with different layer_scale than this'
    ):
        PoolFormer('s12').load_state_dict(plain)


@pytest.mark.parametrize(
    'arguments, problem',
    [
        (dict(mlp_ratios=2), 'different mlp_ratios than'),
        (dict(norm_cfg=None), 'different norm_cfg than'),
        (dict(norm_cfg=dict(type='BN')), 'different norm_cfg than'),
        (dict(token_mixers='DepthwiseConv'), 'different token_mixers than'),
        (
            dict(position_embeddings=((56, 56), None, None, None)),
            'different position_embeddings',
        ),
    ],
    ids=str,
)
def test_a_different_argument_of_the_same_architecture_is_named(
    published, arguments, problem
):
    with pytest.raises(CheckpointError, match=problem):
        PoolFormer('s12', **arguments, **LAST).load_state_dict(published)


SMALL = dict(embed_dims=(8, 8, 8, 8), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1))


@pytest.mark.parametrize('norm', ['BN', 'GN', 'LN'])
def test_our_own_classifier_loads_for_dense_prediction_with_any_norm(norm):
    norm_cfg = dict(type=norm, **(dict(num_groups=1) if norm == 'GN' else {}))
    trained = PoolFormer(SMALL, norm_cfg=norm_cfg, **LAST)
    dense = PoolFormer(SMALL, norm_cfg=norm_cfg)
    dense.load_state_dict(trained.state_dict())
    assert torch.equal(dense.stem.weight, trained.stem.weight)


def test_a_detector_with_three_outputs_loads_into_one_with_four():
    three = PoolFormer(SMALL, out_indices=(1, 2, 3))
    torch.nn.init.constant_(three.out_norms[2].weight, 3)
    four = PoolFormer(SMALL)
    four.load_state_dict(three.state_dict())
    assert (four.out_norms[2].weight == 3).all() and (four.out_norms[0].weight == 1).all()
    three.load_state_dict(four.state_dict())


def test_a_norm_that_a_file_has_in_part_is_missing():
    weights = PoolFormer(SMALL).state_dict()
    del weights['out_norms.2.bias']
    with pytest.raises(CheckpointError, match='Missing: out_norms.2.bias'):
        PoolFormer(SMALL).load_state_dict(weights)


def test_the_log_names_the_parts_that_the_file_does_not_have(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(
        pretrained, 'print_log', lambda message, **options: messages.append(message)
    )
    path = tmp_path / 'file.pth'
    cfg = dict(type='Pretrained', checkpoint=str(path))
    torch.save(PoolFormer(SMALL, out_indices=(1, 2, 3)).state_dict(), path)
    PoolFormer(SMALL, init_cfg=cfg).init_weights()
    PoolFormer(SMALL, out_indices=(1, 2, 3), init_cfg=cfg).init_weights()
    first, second = messages
    assert 'every tensor of the backbone except out_norms.0, which' in first
    assert second.endswith('every tensor of the backbone.')


def test_our_own_file_of_another_architecture_is_named():
    with torch.device('meta'):
        trained = PoolFormer('s24').state_dict()
    with pytest.raises(CheckpointError, match="is a PoolFormer 's24' with the names of"):
        PoolFormer('s12').load_state_dict(trained)


def test_a_classifier_trained_by_this_package_loads_for_dense_prediction():
    weights = PoolFormer('s12', **LAST).state_dict()
    trained = {f'backbone.{k}': v for k, v in weights.items()}
    trained |= {'head.fc.weight': torch.ones(1000, 512), 'head.fc.bias': torch.ones(1000)}
    backbone = PoolFormer('s12')
    backbone.load_state_dict({'state_dict': trained})
    key = 'stages.3.blocks.1.mlp.fc2.weight'
    assert torch.equal(backbone.state_dict()[key], weights[key])


@pytest.fixture
def two_files(tmp_path):
    """Two files of a small PoolFormer, with different weights."""
    paths = [tmp_path / 'first.pth', tmp_path / 'last.pth']
    for value, path in enumerate(paths):
        state_dict = PoolFormer(SMALL).state_dict()
        torch.save({k: torch.full_like(v, value) for k, v in state_dict.items()}, path)
    return paths


def test_of_several_pretrained_files_the_last_one_counts(two_files):
    cfgs = [dict(type='Pretrained', checkpoint=str(path)) for path in two_files]
    backbone = PoolFormer(
        SMALL, init_cfg=[*cfgs, dict(type='TruncNormal', layer='Conv2d')]
    )
    backbone.init_weights()
    assert all((value == 1).all() for value in backbone.state_dict().values())


def test_weights_are_initialized_only_once(two_files):
    cfg = dict(type='Pretrained', checkpoint=str(two_files[0]))
    backbone = PoolFormer(SMALL, init_cfg=cfg)
    backbone.init_weights()
    torch.nn.init.constant_(backbone.stem.weight, 7)
    backbone.init_weights()
    assert (backbone.stem.weight == 7).all()
