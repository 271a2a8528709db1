"""A part of a backbone loads only when the user asks for it, and only that once."""

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.models import GroupMixFormer, convert_state_dict

from .published_files import assert_same_state, save

pytestmark = pytest.mark.smoke


@pytest.fixture(scope='module')
def stem(groupmixformer_file):
    """The stem alone, in our names."""
    ours = convert_state_dict(groupmixformer_file)
    return {key: value for key, value in ours.items() if key.startswith('stem.')}


def copy_state(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def test_an_incomplete_file_is_refused_and_nothing_changes(groupmixformer_file, tmp_path):
    part = {k: v for k, v in groupmixformer_file.items() if '_backbone.3.' not in k}
    backbone = GroupMixFormer('t')
    before = copy_state(backbone)
    with pytest.raises(CheckpointError, match=r'Missing: \d+ tensors in stages.3'):
        load_checkpoint(backbone, str(save(part, tmp_path)), strict=False)
    assert_same_state(backbone, before)


def test_a_classifier_given_to_a_whole_segmentor_is_refused(
    groupmixformer_file, tmp_path
):
    path = save({'state_dict': groupmixformer_file}, tmp_path)
    segmentor = torch.nn.Module()
    segmentor.backbone = GroupMixFormer('t')
    with pytest.raises(CheckpointError, match="nothing below 'backbone.'.*load_from"):
        load_checkpoint(segmentor, str(path), strict=False)


def test_the_backbone_loads_a_part_when_it_is_asked_to(stem):
    backbone = GroupMixFormer('t')
    before = copy_state(backbone)
    missing, unexpected = backbone.load_state_dict(stem, strict=False)
    assert_same_state(backbone, before | stem)
    assert set(missing) | set(stem) >= set(before) - {
        key for key in before if key.endswith('num_batches_tracked')
    }
    assert not unexpected


def test_after_a_part_was_loaded_the_next_file_must_be_complete(stem, tmp_path):
    backbone = GroupMixFormer('t')
    backbone.load_state_dict(stem, strict=False)
    path = save(stem, tmp_path)
    with pytest.raises(CheckpointError, match='Missing'):
        load_checkpoint(backbone, str(path), strict=False)
    with pytest.raises(CheckpointError, match='Missing'):
        backbone.load_state_dict(stem)


def test_after_a_part_was_refused_the_next_file_must_be_complete(stem, tmp_path):
    backbone = GroupMixFormer('t')
    key = 'stem.0.conv.weight'
    with pytest.raises(RuntimeError, match='size mismatch'):
        backbone.load_state_dict(stem | {key: torch.ones(1)}, strict=False)
    path = save(stem, tmp_path)
    with pytest.raises(CheckpointError, match='Missing'):
        load_checkpoint(backbone, str(path), strict=False)
