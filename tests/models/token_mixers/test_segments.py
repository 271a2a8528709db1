"""The segments of q, k and v: against a loop over channels, and their gradients."""

import pytest
import torch

from mmgroupmix.models.token_mixers.proxy_attention import separate
from mmgroupmix.models.token_mixers.segments import split_segments

pytestmark = pytest.mark.smoke

BATCH, DIM = 2, 3


def make_projection(**options):
    return torch.randn(BATCH, 2, 4, 15 * DIM, dtype=torch.float64, **options)


@pytest.mark.parametrize('recorded', [False, True])
def test_each_part_of_each_segment_has_its_channels_of_the_projection(recorded):
    qkv = make_projection(requires_grad=recorded)
    *stacked, last = split_segments(qkv, DIM)
    assert len(stacked) == 4
    for segment, maps in enumerate(stacked):
        assert maps.is_contiguous()
        for part in range(3):  # q, k, v
            first = (3 * segment + part) * DIM
            images = maps[part * BATCH : (part + 1) * BATCH]
            assert torch.equal(images, qkv[..., first : first + DIM])
    assert last.is_contiguous() and torch.equal(last, qkv[..., 12 * DIM :])


def test_gradients_of_first_and_second_order_are_right():
    def function(qkv):
        return [part.square() for part in split_segments(qkv, DIM)]

    qkv = make_projection(requires_grad=True)
    assert torch.autograd.gradcheck(function, qkv)
    assert torch.autograd.gradgradcheck(function, qkv)


def test_a_segment_that_nothing_depends_on_has_a_gradient_of_zero():
    qkv = make_projection(requires_grad=True)
    split_segments(qkv, DIM)[1].sum().backward()
    expected = torch.zeros_like(qkv)
    expected[..., 3 * DIM : 6 * DIM] = 1
    assert torch.equal(qkv.grad, expected)


@pytest.mark.parametrize('shape', [(6, 8, 1, 5), (2, 8, 3, 5)])
def test_q_k_and_v_are_separated_in_both_layouts(shape):
    proxies = torch.randn(shape)
    for index, part in enumerate(separate(proxies)):
        first = proxies[2 * index : 2 * index + 2, :, 0]
        assert torch.equal(part, first if shape[2] == 1 else proxies[:, :, index])
