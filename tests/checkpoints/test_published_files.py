"""Published files load whole, or end in one message."""

import argparse
import pathlib

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmgroupmix.checkpoints import CheckpointError, read_checkpoint
from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixFormer, convert_state_dict


@pytest.fixture(scope='module')
def published(groupmixformer_golden):
    return groupmixformer_golden.state_dict()


@pytest.fixture(scope='module')
def expected(published):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(published)
    return backbone.state_dict()


def assert_loaded(backbone, expected):
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, expected[name]), name


def pretrained(path, arch='t', **extra):
    cfg = dict(type='Pretrained', checkpoint=str(path), **extra)
    backbone = GroupMixFormer(arch, init_cfg=cfg)
    backbone.init_weights()
    return backbone


class TrainingConfig:
    """What training scripts pickle beside the weights."""

    def __reduce__(self):
        return print, ('code of the checkpoint ran',)


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
def test_a_published_file_loads_by_init_cfg(published, expected, tmp_path, wrapping):
    path = tmp_path / 'groupmixformer_tiny.pth'
    torch.save(WRAPPINGS[wrapping](published), path)
    assert_loaded(pretrained(path), expected)


@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_a_published_state_dict_loads_by_torch(published, expected, wrapping):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(WRAPPINGS[wrapping](published))
    assert_loaded(backbone, expected)


@pytest.mark.smoke
def test_a_published_file_loads_by_mmengine(published, expected, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save({'model': published}, path)
    backbone = GroupMixFormer('t')
    load_checkpoint(backbone, str(path))
    assert_loaded(backbone, expected)


@pytest.mark.smoke
def test_a_published_file_loads_below_the_prefix_of_a_larger_model(published, expected):
    segmentor = torch.nn.Module()
    segmentor.backbone = GroupMixFormer('t')
    ours = {f'backbone.{k}': v for k, v in convert_state_dict(published).items()}
    segmentor.load_state_dict(ours)
    assert_loaded(segmentor.backbone, expected)
    segmentor.load_state_dict({f'backbone.{k}': v for k, v in published.items()})
    assert_loaded(segmentor.backbone, expected)


@pytest.mark.smoke
def test_conversion_knows_the_published_layout(published):
    ours = convert_state_dict(published, arch='t')
    theirs = published['groupmixformer_backbone.0.gma_stage.0.att.qkv.weight']
    qkv = ours['stages.0.blocks.0.token_mixer.qkv.weight']
    width = 16  # C = 80, five segments
    for segment in range(5):
        for part in range(3):
            new, old = (segment * 3 + part) * width, part * 80 + segment * width
            assert torch.equal(qkv[new : new + width], theirs[old : old + width])
    assert set(ours) == set(GroupMixFormer('t').state_dict())


@pytest.mark.smoke
def test_the_classifier_is_kept_for_mmpretrain(published):
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


@pytest.mark.smoke
def test_objects_beside_the_weights_are_not_run(published, tmp_path, capsys):
    path = tmp_path / 'file.pth'
    torch.save({'model': published, 'config': TrainingConfig()}, path)
    tensors = read_checkpoint(path)
    assert torch.equal(tensors['head.bias'], published['head.bias'])
    assert 'code of the checkpoint ran' not in capsys.readouterr().out


def test_the_old_file_format_loads_too(published, expected, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save(
        {'model': published, 'config': TrainingConfig()},
        path,
        _use_new_zipfile_serialization=False,
    )
    assert_loaded(pretrained(path), expected)


@pytest.mark.smoke
def test_another_architecture_is_named(published, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save(published, path)
    with pytest.raises(CheckpointError) as error:
        pretrained(path, arch='s')
    message = str(error.value)
    assert str(path) in message
    assert "published GroupMixFormer 'tiny'" in message
    assert "GroupMixFormer 'small'" in message
    with pytest.raises(CheckpointError, match="'tiny'.*'base'"):
        convert_state_dict(published, arch='b')


@pytest.mark.smoke
@pytest.mark.parametrize(
    'keys, told',
    [
        ({'layer1.0.conv1.weight': torch.zeros(1)}, 'a ResNet'),
        ({'blocks.0.attn.qkv.weight': torch.zeros(1)}, 'Vision Transformer'),
        ({'a.weight': torch.zeros(1), 'b.weight': torch.zeros(1)}, 'unknown model'),
    ],
)
def test_another_model_is_named(tmp_path, keys, told):
    path = tmp_path / 'file.pth'
    torch.save(keys, path)
    with pytest.raises(CheckpointError, match=told):
        pretrained(path)
    with pytest.raises(CheckpointError, match=told):
        convert_state_dict(keys)


@pytest.mark.smoke
def test_a_part_of_the_tensors_is_refused_and_nothing_changes(published, tmp_path):
    part = {k: v for k, v in published.items() if '_backbone.3.' not in k}
    path = tmp_path / 'file.pth'
    torch.save(part, path)
    backbone = GroupMixFormer('t')
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(CheckpointError, match=r'Missing: \d+ tensors in stages.3'):
        load_checkpoint(backbone, str(path), strict=False)
    assert_loaded(backbone, before)


@pytest.mark.smoke
def test_a_classifier_in_place_of_a_whole_segmentor_is_refused(published, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save({'state_dict': published}, path)
    segmentor = torch.nn.Module()
    segmentor.backbone = GroupMixFormer('t')
    with pytest.raises(CheckpointError, match="nothing below 'backbone.'.*load_from"):
        load_checkpoint(segmentor, str(path), strict=False)


@pytest.mark.smoke
def test_a_part_may_load_when_asked_for_by_name(published):
    backbone = GroupMixFormer('t')
    part = {
        k: v for k, v in convert_state_dict(published).items() if k.startswith('stem.')
    }
    missing, unexpected = backbone.load_state_dict(part, strict=False)
    assert torch.equal(backbone.stem[0].conv.weight, part['stem.0.conv.weight'])
    assert len(missing) > 1000
    assert not unexpected


@pytest.mark.smoke
def test_conversion_refuses_what_is_not_whole(published):
    without_stage = {k: v for k, v in published.items() if '_backbone.3.' not in k}
    with pytest.raises(CheckpointError, match='no published architecture'):
        convert_state_dict(without_stage)
    lacking = dict(published)
    del lacking['groupmixformer_backbone.0.gma_stage.0.att.proj.bias']
    with pytest.raises(CheckpointError, match='Missing: stages.0.blocks.0.token_mixer'):
        convert_state_dict(lacking)
    misshapen = dict(published)
    misshapen['groupmixformer_backbone.0.gma_stage.0.att.qkv.weight'] = torch.ones(7, 80)
    with pytest.raises(CheckpointError, match=r'Other shape: .*\(7, 80\)'):
        convert_state_dict(misshapen)
    backbone_only = {k: v for k, v in published.items() if not k.startswith('head')}
    with pytest.raises(CheckpointError, match='no classifier'):
        convert_state_dict(backbone_only, classifier=True)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'cfg, told',
    [
        (dict(type='Pretrained'), 'names no file'),
        (dict(type='Pretrained', checkpoint=None), 'names no file'),
        ([dict(type='Pretrained', checkpoint='nowhere.pth')], 'nowhere.pth'),
        (dict(type='Pretrained', checkpoint='no-such-scheme://x'), 'Cannot fetch'),
    ],
)
def test_a_setting_that_names_no_file_is_explained(cfg, told):
    with pytest.raises(UserError, match=told):
        GroupMixFormer('m', init_cfg=cfg).init_weights()


@pytest.mark.smoke
def test_a_prefix_that_nothing_has_is_named(published, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save(published, path)
    with pytest.raises(CheckpointError, match="prefix='backbone.*conv_stem"):
        pretrained(path, prefix='backbone.')


@pytest.mark.smoke
def test_a_pickled_model_is_said_to_be_one(tmp_path):
    path = tmp_path / 'file.pth'
    torch.save({'model': torch.nn.Linear(2, 2)}, path)
    with pytest.raises(CheckpointError, match='pickled Linear object'):
        pretrained(path)


@pytest.mark.smoke
def test_a_truncated_file_is_said_to_be_one(published, tmp_path):
    path = tmp_path / 'file.pth'
    torch.save(published, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match='truncated.*fetch it again') as error:
        pretrained(path)
    assert str(path) in str(error.value)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'content, told',
    [
        (b'<!DOCTYPE html><html>', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid', 'Git LFS'),
        (b'\x89PNG\r\n', 'not a checkpoint'),
        (b'', 'not a checkpoint'),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path, content, told):
    path = tmp_path / 'file.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        pretrained(path)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'content, told', [([1, 2], 'holds a list'), ({'epoch': 3}, 'no tensors.*epoch')]
)
def test_a_file_without_weights_is_refused(tmp_path, content, told):
    path = tmp_path / 'file.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=told):
        pretrained(path)


@pytest.mark.smoke
def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match='init_cfg=None'):
        pretrained(tmp_path / 'nowhere.pth')


@pytest.mark.smoke
def test_a_fused_backbone_refuses_weights(published):
    backbone = GroupMixFormer('t').fuse()
    with pytest.raises(CheckpointError, match='then fuse'):
        backbone.load_state_dict(published)


@pytest.mark.smoke
def test_a_fused_backbone_takes_its_own_weights_back(expected):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(expected)
    fused = backbone.fuse().state_dict()
    other = GroupMixFormer('t').fuse()
    other.load_state_dict(fused)
    assert_loaded(other, fused)
