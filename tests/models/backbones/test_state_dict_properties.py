"""Properties of saving and loading every backbone, on generated architectures."""

import io
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgroupmix.errors import CheckpointError
from mmgroupmix.models import WithExternalAttention

from ..architectures import backbones

own_backbones = backbones.filter(lambda case: case.builder is not WithExternalAttention)


def assert_same_outputs(one, other, images):
    outputs = list(zip(one(images), other(images)))
    assert outputs and all(torch.equal(a, b) for a, b in outputs)


def reload(state):
    """What torch.save wrote, read as data."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@given(backbones, st.sampled_from(('', 'module.')))
def test_a_saved_state_dict_makes_a_fresh_backbone_compute_the_same(case, prefix):
    saved, fresh = case.build_random(seed=0), case.build_random(seed=1)
    state = {prefix + key: value for key, value in saved.state_dict().items()}
    missing, unexpected = fresh.load_state_dict(reload(state))
    assert not missing and not unexpected
    assert_same_outputs(fresh, saved, case.make_images())


@given(own_backbones, st.sampled_from(('state_dict', 'model', None)))
def test_init_cfg_loads_a_file_that_training_wrote(case, level):
    saved = case.build_random(seed=0)
    state = {f'backbone.{key}': value for key, value in saved.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'epoch_1.pth'
        torch.save({level: state} if level else state, path)
        init_cfg = dict(type='Pretrained', checkpoint=str(path))
        fresh = case.build(seed=1, init_cfg=init_cfg)
        fresh.init_weights()
    assert_same_outputs(fresh.eval(), saved, case.make_images())


@given(backbones, st.data())
def test_a_missing_a_renamed_or_a_misshapen_tensor_is_named_and_nothing_loads(case, data):
    backbone, other = case.build(seed=0), case.build_random(seed=1)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    state = other.state_dict()
    # Files from before PyTorch 0.4 have no counters, so that they may be missing.
    keys = [key for key in state if not key.endswith('num_batches_tracked')]
    key = data.draw(st.sampled_from(keys))
    change = data.draw(st.sampled_from(('missing', 'renamed', 'misshapen')))
    value = state.pop(key)
    if change == 'renamed':
        state[f'{key}_'] = value
    elif change == 'misshapen':
        state[key] = value.new_zeros(*value.shape[:-1], value.shape[-1] + 1)
    with pytest.raises(CheckpointError) as error:
        backbone.load_state_dict(state)
    assert key in str(error.value)
    after = backbone.state_dict()
    assert not [key for key in before if not torch.equal(after[key], before[key])]


@given(own_backbones)
def test_a_folded_backbone_takes_its_own_state_and_refuses_another(case):
    folded, other = case.build_random(seed=0).fuse(), case.build_random(seed=0).fuse()
    folded.load_state_dict(reload(other.state_dict()))
    plain = case.build_random(seed=1)
    if plain.state_dict().keys() != folded.state_dict().keys():
        with pytest.raises(CheckpointError, match='fused'):
            folded.load_state_dict(plain.state_dict())
    assert_same_outputs(folded, other, case.make_images())
