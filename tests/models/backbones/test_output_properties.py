"""Properties of the outputs of every backbone, on generated architectures and images."""

import copy
import pickle

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ..architectures import backbones

#: Of float64, whose rounding errors are far below: only different mathematics exceeds it.
EXACT = 1e-9
batches = st.integers(1, 3)


def assert_near(outputs, expected, tolerance):
    """Compare maps by their largest difference, relative to the largest value."""
    assert len(outputs) == len(expected)
    for output, target in zip(outputs, expected):
        assert output.shape == target.shape
        difference = (output.double() - target.double()).abs().max()
        assert difference <= tolerance * (target.abs().max() + 1e-3)


def copy_state(backbone: nn.Module) -> dict:
    return {key: value.clone() for key, value in backbone.state_dict().items()}


def assert_same_state(backbone: nn.Module, expected: dict) -> None:
    state = backbone.state_dict()
    assert state.keys() == expected.keys()
    assert not [key for key in state if not torch.equal(state[key], expected[key])]


@given(backbones, batches, st.booleans())
def test_every_image_size_gives_the_documented_maps(case, batch, training):
    backbone = case.build().train(training)
    # In training, a batch norm needs more than one value per channel.
    batch += training
    outputs = backbone(case.make_images(batch))
    assert type(outputs) is tuple
    assert [tuple(out.shape) for out in outputs] == [(batch, *m) for m in case.maps]
    assert all(out.is_contiguous() and out.isfinite().all() for out in outputs)


@given(backbones, st.sampled_from((torch.float64, torch.bfloat16, torch.float16)))
def test_outputs_are_finite_in_the_precision_of_the_weights(case, dtype):
    backbone = case.build_random().to(dtype)
    outputs = backbone(case.make_images().to(dtype))
    assert all(out.dtype == dtype and out.isfinite().all() for out in outputs)


@given(backbones)
def test_autocast_gives_finite_outputs(case):
    backbone, images = case.build_random(), case.make_images()
    with torch.autocast('cpu', torch.bfloat16):
        outputs = backbone(images)
    assert all(out.isfinite().all() for out in outputs)


@given(backbones, st.integers(0, 2**32 - 1))
def test_a_seed_determines_weights_and_outputs_bit_by_bit(case, seed):
    first, second = case.build(seed).train(), case.build(seed).train()
    assert_same_state(first, copy_state(second))
    images = case.make_images(seed=seed)
    for _ in range(2):  # after a training step's update of the statistics, too
        outputs = []
        for backbone in (first, second):
            torch.manual_seed(seed)
            outputs.append(backbone(images))
        assert all(torch.equal(one, other) for one, other in zip(*outputs))
    assert_same_state(first, copy_state(second))


@given(backbones)
def test_evaluation_repeats_bit_by_bit_and_changes_nothing(case):
    backbone, images = case.build_random(), case.make_images()
    state, given_images = copy_state(backbone), images.clone()
    first = backbone(images)
    backbone.train()
    backbone.eval()
    assert all(torch.equal(a, b) for a, b in zip(first, backbone(images)))
    assert_same_state(backbone, state)
    assert torch.equal(images, given_images)


@given(backbones, st.permutations(range(3)), st.sampled_from((1e-2, 1, 1e2)))
def test_an_image_has_the_same_output_whatever_is_beside_it(case, order, scale):
    backbone = case.build_random().double()
    images = case.make_images(3).double()
    images[1] *= scale
    together = backbone(images)
    assert_near(backbone(images[order]), [out[order] for out in together], EXACT)
    for index in range(3):
        part = slice(index, index + 1)
        assert_near(backbone(images[part]), [out[part] for out in together], EXACT)


@given(backbones)
def test_float32_is_near_float64(case):
    backbone, images = case.build_random(), case.make_images()
    outputs = backbone(images)
    assert_near(outputs, backbone.double()(images.double()), 1e-3)


@given(backbones, st.sampled_from(('channels_last', 'strided', 'transposed', 'expanded')))
def test_the_layout_of_the_images_does_not_matter(case, layout):
    backbone, images = case.build_random().double(), case.make_images().double()
    if layout == 'channels_last':
        other = images.contiguous(memory_format=torch.channels_last)
        backbone.to(memory_format=torch.channels_last)
    elif layout == 'strided':
        other = images.repeat_interleave(2, dim=3)[..., ::2]
    elif layout == 'transposed':
        other = images.transpose(2, 3).contiguous().transpose(2, 3)
    else:
        images = images[:1, :1].expand(2, 3, -1, -1)
        other, images = images, images.contiguous()
    assert_near(backbone(other), backbone(images), EXACT)


@given(backbones)
def test_folding_keeps_the_outputs_and_a_second_time_changes_nothing(case):
    backbone, images = case.build_random().double(), case.make_images().double()
    expected = backbone(images)
    fold = getattr(backbone, 'fuse', None)
    fold()
    outputs = backbone(images)
    assert_near(outputs, expected, EXACT)
    fold()
    assert all(torch.equal(a, b) for a, b in zip(outputs, backbone(images)))


@given(backbones, st.booleans())
def test_copies_and_pickles_compute_the_same(case, fold):
    backbone, images = case.build_random(), case.make_images()
    if fold:
        backbone.fuse()
    expected = backbone(images)
    for copied in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
        assert all(torch.equal(a, b) for a, b in zip(copied(images), expected))
