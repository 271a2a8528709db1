"""Published EAMLP files load completely, without their fixed position embeddings."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.models import EAMLP, PoolFormer, convert_state_dict

from ..configs.experiments import CONFIGS
from ..models.reference_eamlp import sinusoids
from .published_names import assert_published_weights, find_eamlp_tensor


@pytest.fixture(scope='module')
def published(eamlp_golden):
    return eamlp_golden.state_dict() | {'pos_embed': sinusoids(197, 256).float()[None]}


@pytest.fixture(scope='module')
def with_batch_norms(published):
    norms = {}
    for block in range(7):
        name = f'blocks.{block}.norm2'
        norms[f'{name}.running_mean'] = torch.randn(256)
        norms[f'{name}.running_var'] = torch.rand(256)
        norms[f'{name}.num_batches_tracked'] = torch.tensor(9)
    return published | norms


def build_classifier():
    from mmpretrain.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(type='mmgroupmix.EAMLP', arch='7'),
                head=dict(type='LinearClsHead', num_classes=1000, in_channels=256),
            )
        ).eval()


WRAPPINGS = {
    'bare': dict,
    'ema': lambda sd: {'state_dict_ema': sd},
    'data parallel': lambda sd: {'model': {f'module.{k}': v for k, v in sd.items()}},
    'without classifier': lambda sd: {
        k: v for k, v in sd.items() if not k.startswith('head')
    },
    'without positions': lambda sd: {k: v for k, v in sd.items() if k != 'pos_embed'},
    'for 384 pixels': lambda sd: sd | {'pos_embed': sinusoids(577, 256).float()[None]},
    'positions in half precision': lambda sd: sd | {'pos_embed': sd['pos_embed'].half()},
    'positions in bfloat16': lambda sd: sd | {'pos_embed': sd['pos_embed'].bfloat16()},
}


@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_a_published_file_loads_completely(published, tmp_path, wrapping):
    path = tmp_path / 'eamlp_7.pth'
    torch.save(WRAPPINGS[wrapping](published), path)
    backbone = EAMLP(7, init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    backbone.init_weights()
    assert_published_weights(backbone, published, find_eamlp_tensor)


def test_learnt_positions_are_refused(published):
    learnt = published['pos_embed'] + 0.02 * torch.randn(1, 197, 256)
    with pytest.raises(CheckpointError, match=r'positions \(197, 256\).*sinusoid'):
        EAMLP('7').load_state_dict(published | {'pos_embed': learnt})
    with pytest.raises(CheckpointError, match='learnt positions cannot be loaded'):
        convert_state_dict(published | {'pos_embed': learnt * float('nan')})


@pytest.mark.parametrize('arch', [None, 7, '7'])
def test_mmpretrain_classifies_with_converted_weights(eamlp_golden, published, arch):
    model = build_classifier()
    model.load_state_dict(convert_state_dict(published, arch, classifier=True))
    with torch.inference_mode():
        logits = model(eamlp_golden.image('224x224'), mode='tensor')
    expected = eamlp_golden.cases['224x224']['logits']
    assert eamlp_golden.distance(logits, expected) < 1e-4


def test_conversion_keeps_the_final_norm_with_the_backbone(published):
    ours = convert_state_dict(published)
    assert set(ours) == set(EAMLP('7').state_dict())
    assert torch.equal(ours['final_norm.weight'], published['norm.weight'])


def test_batch_norms_load_with_their_statistics(with_batch_norms):
    backbone = EAMLP('7', mlp_norm_cfg=dict(type='BN'))
    backbone.load_state_dict(with_batch_norms)
    ours = convert_state_dict(with_batch_norms, arch='7')
    assert set(ours) == set(backbone.state_dict())
    for kind in ('running_mean', 'running_var', 'num_batches_tracked'):
        key = f'blocks.6.norm2.{kind}'
        assert torch.equal(backbone.state_dict()[key], with_batch_norms[key]), key
        assert torch.equal(ours[key], with_batch_norms[key]), key


def test_batch_norms_do_not_load_as_layer_norms_or_the_reverse(
    published, with_batch_norms
):
    with pytest.raises(CheckpointError, match='LayerNorm before the MLPs.*Unexpected'):
        EAMLP('7').load_state_dict(with_batch_norms)
    with pytest.raises(CheckpointError, match='BatchNorm2d before the MLPs.*Missing'):
        EAMLP('7', mlp_norm_cfg=dict(type='BN')).load_state_dict(published)


def test_a_classifier_trained_by_this_package_loads_for_another_image_size(published):
    weights = convert_state_dict(published)
    trained = {f'backbone.{k}': v for k, v in weights.items()}
    trained |= {'head.fc.weight': torch.ones(1000, 256), 'head.fc.bias': torch.ones(1000)}
    backbone = EAMLP('7', img_size=384)
    backbone.load_state_dict({'state_dict': trained})
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, weights[key]), key


def test_the_tokens_to_token_module_loads_with_self_attention_too(published):
    mixed = {k: v for k, v in published.items() if '.attn.' not in k or 'tokens' in k}
    for block in range(7):
        attention = f'blocks.{block}.attn'
        mixed[f'{attention}.qkv.weight'] = torch.randn(768, 256)
        mixed[f'{attention}.proj.weight'] = torch.randn(256, 256)
        mixed[f'{attention}.proj.bias'] = torch.randn(256)
    backbone = EAMLP('7', token_mixer=dict(type='SelfAttention', head_dim=64))
    backbone.load_state_dict(mixed)
    qkv = backbone.blocks[6].token_mixer.qkv.weight
    assert torch.equal(qkv, mixed['blocks.6.attn.qkv.weight'])


@pytest.mark.parametrize('names', ['published', 'ours'])
def test_fine_tuning_starts_from_the_whole_classifier(published, tmp_path, names):
    path = str(tmp_path / 'eamlp_7.pth')
    torch.save(
        {
            'state_dict': published
            if names == 'published'
            else convert_state_dict(published, classifier=True)
        },
        path,
    )
    model = Config.fromfile(CONFIGS / 'eamlp_7_in1k_384.py').model
    weights = dict(type='Pretrained', checkpoint=path)
    model.backbone.init_cfg = weights
    # `override` finds the classifier with its published name, head.weight, too.
    override = dict(weights, prefix='head', override=dict(name='fc'))
    model.head.init_cfg = [dict(type='TruncNormal', layer='Linear', std=0.02), override]
    from mmpretrain.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        built = MODELS.build(model)
        built.init_weights()
    assert torch.equal(built.head.fc.weight, published['head.weight'])
    assert torch.equal(built.head.fc.bias, published['head.bias'])
    assert torch.equal(built.backbone.final_norm.bias, published['norm.bias'])


@pytest.mark.parametrize('arch', [14, '19'])
def test_another_architecture_is_named(published, arch):
    with pytest.raises(CheckpointError, match=rf"published EAMLP '7'.*EAMLP '{arch}' \("):
        EAMLP(arch).load_state_dict(published)
    with pytest.raises(CheckpointError, match=f"'7'.*'{arch}'"):
        convert_state_dict(published, arch=arch)


@pytest.mark.parametrize(
    'key, description',
    [
        ('tokens_to_token.attention1.attn.qkv.weight', 'a T2T-ViT'),
        ('tokens_to_token.attention1.kqv.weight', 'a T2T-ViT with Performer tokens'),
        ('backbone.tokens_to_token.attention1.ln1.weight', 'a T2T-ViT of mmpretrain'),
    ],
)
def test_a_t2t_vit_is_named(key, description):
    tensors = {
        key: torch.ones(1),
        key.split('tokens')[0] + 'blocks.0.attn.qkv.weight': torch.ones(1),
    }
    with pytest.raises(CheckpointError, match=f"is {description}; expected EAMLP '7'"):
        EAMLP('7').load_state_dict(tensors)


def test_a_file_of_another_backbone_of_the_package_is_named(published, poolformer_golden):
    with pytest.raises(CheckpointError, match="EAMLP '7'.*expected PoolFormer 's12'"):
        PoolFormer('s12').load_state_dict(published)
    with pytest.raises(CheckpointError, match="PoolFormer 's12'.*expected EAMLP '7'"):
        EAMLP('7').load_state_dict(poolformer_golden.state_dict())


def test_an_incomplete_file_is_refused(published):
    part = {k: v for k, v in published.items() if not k.startswith('blocks.6.')}
    with pytest.raises(CheckpointError, match=r'Missing: \d+ tensors in blocks'):
        EAMLP('7').load_state_dict(part)
    with pytest.raises(CheckpointError, match='unpublished sizes.*depth 6'):
        convert_state_dict(part)
    headless = {k: v for k, v in published.items() if not k.startswith('head.')}
    with pytest.raises(CheckpointError, match='no classifier'):
        convert_state_dict(headless, classifier=True)
    normless = {k: v for k, v in published.items() if not k.startswith('norm.')}
    with pytest.raises(CheckpointError, match='Missing: final_norm'):
        convert_state_dict(normless)
