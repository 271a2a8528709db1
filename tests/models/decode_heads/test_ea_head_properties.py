"""Properties of EANet's head, on generated arguments and maps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgroupmix.errors import UserError

pytest.importorskip('mmseg')

from mmgroupmix.models import EAHead

from ..architectures import randomize
from ..wrong_values import CHOICES, COUNTS, NONE, NORMS, OTHERS, REALS, integers_outside

#: Of float64, whose rounding errors are far below.
EXACT = dict(rtol=1e-9, atol=1e-9)
RIGHT = dict(in_channels=6, channels=8, num_classes=3)
blocks = st.one_of(
    st.fixed_dictionaries(
        dict(
            attention=st.just('external'),
            num_memories=st.integers(1, 9),
            norm=st.sampled_from(('double', 'softmax')),
            tied=st.booleans(),
        )
    ),
    st.fixed_dictionaries(
        dict(attention=st.just('self'), norm=st.sampled_from(('double', 'softmax')))
    ),
    st.just(dict(attention=None)),
)
norm_cfgs = st.sampled_from((dict(type='BN'), dict(type='GN', num_groups=2), None))
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def build(block, norm_cfg, seed=0):
    torch.manual_seed(seed)
    return randomize(EAHead(**RIGHT, **block, norm_cfg=norm_cfg), seed).double()


def make_maps(batch, size):
    return (torch.randn(batch, 6, *size, dtype=torch.double),)


@given(blocks, norm_cfgs, sizes, st.permutations(range(3)))
def test_every_map_has_logits_of_its_size_whatever_is_beside_it(
    block, norm_cfg, size, order
):
    head, maps = build(block, norm_cfg), make_maps(3, size)
    logits = head(maps)
    assert logits.shape == (3, 3, *size) and logits.isfinite().all()
    permuted = head((maps[0][order],))
    torch.testing.assert_close(permuted, logits[order], **EXACT)
    torch.testing.assert_close(head((maps[0][:1],)), logits[:1], **EXACT)


@given(blocks, norm_cfgs, sizes, st.sampled_from((1e-3, 1.0, 1e3, 0.0)))
def test_every_parameter_gets_a_finite_gradient(block, norm_cfg, size, scale):
    head = build(block, norm_cfg).train()
    head((make_maps(2, size)[0] * scale,)).square().mean().backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key


@given(blocks, norm_cfgs, sizes)
def test_a_saved_head_computes_the_same(block, norm_cfg, size):
    saved, fresh, maps = (
        build(block, norm_cfg, seed=0),
        build(block, norm_cfg, seed=1),
        make_maps(2, size),
    )
    fresh.load_state_dict(saved.state_dict())
    assert torch.equal(fresh(maps), saved(maps))


WRONG = dict(
    in_channels=COUNTS,
    channels=st.one_of(COUNTS, st.integers(0, 9).map(lambda n: 2 * n + 1)),
    num_classes=COUNTS,
    attention=CHOICES,
    num_memories=integers_outside(1).filter(lambda v: v is not None),
    norm=CHOICES,
    norm_cfg=st.one_of(NORMS, st.just(dict(type='LN'))),
    in_index=st.one_of(OTHERS, REALS, NONE),
    input_transform=CHOICES,
    dropout_ratio=st.one_of(
        st.floats(max_value=0, exclude_max=True), st.floats(min_value=1), OTHERS, NONE
    ),
)


@pytest.mark.parametrize('name', WRONG)
@given(data=st.data())
def test_a_wrong_value_is_named(name, data):
    value = data.draw(WRONG[name], label=name)
    with pytest.raises(UserError) as error:
        EAHead(**{**RIGHT, name: value})
    assert name in str(error.value)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(norm_cfg=dict(type='LN')), 'a norm of .* maps'),
        (dict(channels=6, norm_cfg=dict(type='GN', num_groups=2)), 'divisible'),
        (dict(in_index=[0, 1]), 'in_index='),
        (
            dict(in_channels=[6], in_index=[0, 1], input_transform='resize_concat'),
            'in_channels=',
        ),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_each_other_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        EAHead(**{**RIGHT, **arguments})
