"""Published GroupMixFormer files load completely, with every tensor in its place."""

import argparse
import pathlib

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.models import GroupMixFormer, convert_state_dict

from .published_files import TrainingConfig, assert_same_state, load_pretrained, save
from .published_names import assert_published_weights, find_groupmixformer_tensor


@pytest.fixture(scope='module')
def published(groupmixformer_file):
    return groupmixformer_file


def assert_loaded(backbone, published):
    assert_published_weights(backbone, published, find_groupmixformer_tensor)


WRAPPINGS = {
    'bare': lambda sd: sd,
    'model': lambda sd: {'model': sd, 'epoch': 299},
    'state_dict': lambda sd: {'state_dict': sd, 'args': argparse.Namespace(lr=1)},
    'net': lambda sd: {'net': sd},
    'module prefix': lambda sd: {f'module.{k}': v for k, v in sd.items()},
    'backbone prefix': lambda sd: {
        **{f'backbone.{k}': v for k, v in sd.items() if not k.startswith('head')},
        'decode_head.conv_seg.weight': torch.zeros(3),
    },
    'compiled': lambda sd: {f'_orig_mod.module.{k}': v for k, v in sd.items()},
    'ema': lambda sd: {'model_ema': sd, 'keyed': {pathlib.PurePosixPath('a'): 1}},
    'backbone of data parallel': lambda sd: {
        f'backbone.module.{k}': v for k, v in sd.items()
    },
    'without classifier': lambda sd: {
        k: v for k, v in sd.items() if not k.startswith(('head', 'norm4'))
    },
    'without counters': lambda sd: {
        k: v for k, v in sd.items() if not k.endswith('num_batches_tracked')
    },
}


@pytest.mark.smoke
@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_a_published_file_loads_by_init_cfg(published, tmp_path, wrapping):
    path = save(WRAPPINGS[wrapping](published), tmp_path)
    assert_loaded(load_pretrained(path), published)


@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_a_published_state_dict_loads_by_torch(published, wrapping):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(WRAPPINGS[wrapping](published))
    assert_loaded(backbone, published)


@pytest.mark.smoke
def test_a_published_file_loads_by_mmengine(published, tmp_path):
    backbone = GroupMixFormer('t')
    load_checkpoint(backbone, str(save({'model': published}, tmp_path)))
    assert_loaded(backbone, published)


@pytest.mark.smoke
def test_a_published_file_loads_below_the_prefix_of_a_larger_model(published):
    segmentor = torch.nn.Module()
    segmentor.backbone = GroupMixFormer('t')
    ours = {f'backbone.{k}': v for k, v in convert_state_dict(published).items()}
    segmentor.load_state_dict(ours)
    assert_loaded(segmentor.backbone, published)
    segmentor.backbone = GroupMixFormer('t')
    segmentor.load_state_dict({f'backbone.{k}': v for k, v in published.items()})
    assert_loaded(segmentor.backbone, published)


def test_the_old_file_format_loads_too(published, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save(
        {'model': published, 'config': TrainingConfig()},
        path,
        _use_new_zipfile_serialization=False,
    )
    assert_loaded(load_pretrained(path), published)


@pytest.mark.smoke
def test_conversion_gives_every_tensor_its_place(published):
    ours = convert_state_dict(published, arch='t')
    for key, value in ours.items():
        assert torch.equal(value, find_groupmixformer_tensor(key, published)), key
    assert set(ours) == set(GroupMixFormer('t').state_dict())


@pytest.mark.smoke
def test_conversion_accepts_a_file_without_batch_counters(published):
    ours = convert_state_dict(WRAPPINGS['without counters'](published))
    names = set(GroupMixFormer('t').state_dict())
    assert set(ours) == {k for k in names if not k.endswith('num_batches_tracked')}


@pytest.mark.smoke
def test_conversion_keeps_the_classifier_for_mmpretrain(published):
    ours = convert_state_dict(published, classifier=True)
    assert torch.equal(ours['head.fc.weight'], published['head.weight'])
    assert torch.equal(ours['head.fc.bias'], published['head.bias'])
    assert torch.equal(ours['backbone.final_norm.weight'], published['norm4.weight'])
    from mmpretrain.registry import MODELS

    classifier = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='mmgroupmix.GroupMixFormer',
                arch='t',
                out_indices=(3,),
                final_norm=True,
            ),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='LinearClsHead',
                num_classes=1000,
                in_channels=240,
                loss=dict(type='CrossEntropyLoss'),
            ),
        )
    )
    classifier.load_state_dict(ours)
    assert_same_state(classifier, ours)


@pytest.mark.smoke
def test_a_fused_backbone_refuses_weights(published):
    backbone = GroupMixFormer('t').fuse()
    with pytest.raises(CheckpointError, match='then fuse'):
        backbone.load_state_dict(published)


@pytest.mark.smoke
def test_a_fused_backbone_takes_its_own_weights_back(published):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(published)  # statistics and biases other than at the start
    fused = backbone.fuse().state_dict()
    other = GroupMixFormer('t').fuse()
    other.load_state_dict(fused)
    assert_same_state(other, fused)
