"""Properties of Swin and PVT with aggregators, on generated arguments and images."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgroupmix.errors import UserError

from ..architectures import image_sizes, randomize
from ..wrong_values import CHOICES, EVEN, NORMS
from .test_with_aggregators import PVT, SWIN, add

#: Of float64, whose rounding errors are far below.
EXACT = dict(rtol=1e-9, atol=1e-9)
kinds = st.sampled_from(('conv', 'identity', 'max_pool', 'avg_pool', 'min_pool'))
aggregators = st.fixed_dictionaries(
    dict(
        kinds=st.lists(kinds, min_size=4, max_size=4),
        kernel_sizes=st.lists(st.sampled_from((1, 3, 5, 7)), min_size=3, max_size=3),
        norm_cfg=st.sampled_from((dict(type='BN'), dict(type='BN', affine=False))),
    )
)
configs = st.sampled_from((SWIN, PVT))


def build(config, options, seed=0):
    torch.manual_seed(seed)
    return randomize(add(config, **options), seed).double()


def make_images(size, batch=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, 3, *size, dtype=torch.double, generator=generator)


@given(configs, aggregators, image_sizes, st.permutations(range(3)))
def test_an_image_has_the_same_maps_whatever_is_beside_it(config, options, size, order):
    backbone, images = build(config, options), make_images(size, batch=3)
    together = backbone(images)
    assert type(together) is tuple and len(together) == 4
    for permuted, alone, maps in zip(
        backbone(images[order]), backbone(images[:1]), together
    ):
        assert maps.isfinite().all()
        torch.testing.assert_close(permuted, maps[order], **EXACT)
        torch.testing.assert_close(alone, maps[:1], **EXACT)


@given(configs, aggregators, image_sizes)
def test_every_parameter_gets_a_finite_gradient(config, options, size):
    backbone = build(config, options)
    backbone.train()
    sum(out.square().mean() for out in backbone(make_images(size))).backward()
    for key, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key


@given(configs, aggregators, image_sizes)
def test_a_saved_backbone_computes_the_same(config, options, size):
    saved, fresh = build(config, options, seed=0), build(config, options, seed=1)
    fresh.load_state_dict(saved.state_dict())
    images = make_images(size)
    assert all(torch.equal(a, b) for a, b in zip(fresh(images), saved(images)))


@pytest.mark.parametrize(
    'name, values', [('kinds', CHOICES), ('kernel_sizes', EVEN), ('norm_cfg', NORMS)]
)
@given(data=st.data())
def test_a_wrong_value_is_named(name, values, data):
    with pytest.raises(UserError, match=name):
        add(SWIN, **{name: data.draw(values, label=name)})
