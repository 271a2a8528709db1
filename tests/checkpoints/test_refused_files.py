"""A file that does not fit is reported in one message that says what to do."""

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixFormer, convert_state_dict

from .published_files import load_pretrained, save


@pytest.fixture(scope='module')
def published(groupmixformer_file):
    return groupmixformer_file


def test_another_architecture_is_named(published, tmp_path):
    path = save(published, tmp_path)
    with pytest.raises(CheckpointError) as error:
        load_pretrained(path, arch='s')
    message = str(error.value)
    assert str(path) in message
    assert "published GroupMixFormer 'tiny'" in message
    assert "GroupMixFormer 'small'" in message
    with pytest.raises(CheckpointError, match="'tiny'.*'base'"):
        convert_state_dict(published, arch='b')


@pytest.mark.parametrize(
    'keys, description',
    [
        ({'layer1.0.conv1.weight': torch.zeros(1)}, 'a ResNet'),
        ({'blocks.0.attn.qkv.weight': torch.zeros(1)}, 'Vision Transformer'),
        ({'a.weight': torch.zeros(1), 'b.weight': torch.zeros(1)}, 'unknown model'),
    ],
)
def test_another_model_is_named(tmp_path, keys, description):
    with pytest.raises(CheckpointError, match=description):
        load_pretrained(save(keys, tmp_path))
    with pytest.raises(CheckpointError, match=description):
        convert_state_dict(keys)


def test_conversion_refuses_an_incomplete_file(published):
    without_stage = {k: v for k, v in published.items() if '_backbone.3.' not in k}
    with pytest.raises(CheckpointError, match='unpublished sizes'):
        convert_state_dict(without_stage)
    lacking = dict(published)
    del lacking['groupmixformer_backbone.0.gma_stage.0.att.proj.bias']
    with pytest.raises(CheckpointError, match='Missing: stages.0.blocks.0.token_mixer'):
        convert_state_dict(lacking)
    misshapen = dict(published)
    misshapen['groupmixformer_backbone.0.gma_stage.0.att.qkv.weight'] = torch.ones(7, 80)
    with pytest.raises(CheckpointError, match=r'Different shape: .*\(7, 80\)'):
        convert_state_dict(misshapen)
    backbone_only = {k: v for k, v in published.items() if not k.startswith('head')}
    with pytest.raises(CheckpointError, match='no classifier'):
        convert_state_dict(backbone_only, classifier=True)


@pytest.mark.parametrize(
    'cfg, problem',
    [
        (dict(type='Pretrained'), 'does not name a file'),
        (dict(type='Pretrained', checkpoint=None), 'does not name a file'),
        ([dict(type='Pretrained', checkpoint='nowhere.pth')], 'nowhere.pth'),
        (dict(type='Pretrained', checkpoint='no-such-scheme://x'), 'Cannot download'),
    ],
)
def test_an_init_cfg_without_a_usable_file_is_explained(cfg, problem):
    with pytest.raises(UserError, match=problem):
        GroupMixFormer('m', init_cfg=cfg).init_weights()


def test_a_prefix_that_no_tensor_has_is_named(published, tmp_path):
    path = save(published, tmp_path)
    with pytest.raises(CheckpointError, match="prefix='backbone.*conv_stem"):
        load_pretrained(path, prefix='backbone.')


def test_only_the_tensors_below_the_prefix_are_loaded(published, tmp_path):
    other = {f'teacher.{k}': torch.zeros_like(v) for k, v in published.items()}
    student = {f'student.{k}': v for k, v in published.items()}
    backbone = load_pretrained(save(other | student, tmp_path), prefix='student.')
    weight = published['conv_stem.proj1.weight']
    assert torch.equal(backbone.stem[0].conv.weight, weight)


def test_a_pickled_model_is_refused(tmp_path):
    path = save({'model': torch.nn.Linear(2, 2)}, tmp_path)
    with pytest.raises(CheckpointError, match='pickled Linear object'):
        load_pretrained(path)


def test_a_truncated_file_is_recognised(published, tmp_path):
    path = save(published, tmp_path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match='truncated.*download it again') as error:
        load_pretrained(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    'content, kind',
    [
        (b'<!DOCTYPE html><html>', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid', 'Git LFS'),
        (b'\x89PNG\r\n', 'not a checkpoint'),
        (b'', 'not a checkpoint'),
    ],
)
def test_a_file_that_is_not_a_checkpoint_is_recognised(tmp_path, content, kind):
    path = tmp_path / 'file.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=kind):
        load_pretrained(path)


@pytest.mark.parametrize(
    'content, problem', [([1, 2], 'holds a list'), ({'epoch': 3}, 'no tensors.*epoch')]
)
def test_a_file_without_weights_is_refused(tmp_path, content, problem):
    with pytest.raises(CheckpointError, match=problem):
        load_pretrained(save(content, tmp_path))


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match='init_cfg=None'):
        load_pretrained(tmp_path / 'nowhere.pth')
