"""Mixers over a neighbourhood, against loops over its tokens."""

import pytest
import torch
from timm.models.metaformer import Pooling as TimmPooling

from mmgroupmix.errors import UserError
from mmgroupmix.models.token_mixers import DepthwiseConv, Pooling


def iter_neighbourhoods(height, width, side):
    """Yield every token (i, j) with the (kernel position, token) pairs around it."""
    reach = side // 2
    for i in range(height):
        for j in range(width):
            yield (
                (i, j),
                [
                    ((p, q), (i + p - reach, j + q - reach))
                    for p in range(side)
                    for q in range(side)
                    if 0 <= i + p - reach < height and 0 <= j + q - reach < width
                ],
            )


@pytest.mark.smoke
@pytest.mark.parametrize('pool_size', [1, 3, 5, 9])
def test_pooling_is_the_mean_of_the_existing_neighbours_minus_the_token(pool_size):
    tokens = torch.randn(2, 4, 6, 3, dtype=torch.double)
    expected = torch.empty_like(tokens)
    for (i, j), around in iter_neighbourhoods(4, 6, pool_size):
        mean = sum(tokens[:, a, b] for _, (a, b) in around) / len(around)
        expected[:, i, j] = mean - tokens[:, i, j]
    torch.testing.assert_close(Pooling(3, pool_size)(tokens), expected)


@pytest.mark.smoke
@pytest.mark.parametrize('pool_size', [3, 7])
def test_pooling_agrees_with_timm(pool_size):
    tokens = torch.randn(2, 9, 5, 8)
    expected = TimmPooling(pool_size)(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(Pooling(8, pool_size)(tokens), expected)


@pytest.mark.smoke
def test_pooling_of_a_constant_map_is_zero():
    # Counted padding would leave a frame along the border.
    output = Pooling(4, 5)(torch.full((1, 6, 7, 4), 3.0))
    torch.testing.assert_close(output, torch.zeros_like(output), rtol=0, atol=1e-6)


@pytest.mark.smoke
def test_pooling_has_nothing_to_save():
    assert not Pooling(4).state_dict()


@pytest.mark.smoke
@pytest.mark.parametrize('kernel_size', [1, 3, 5])
def test_depthwise_conv_is_a_weighted_sum_channel_by_channel(kernel_size):
    mixer = DepthwiseConv(3, kernel_size).double()
    weight = mixer.conv.weight.detach()  # (C, 1, K, K)
    tokens = torch.randn(2, 4, 6, 3, dtype=torch.double)
    expected = torch.zeros_like(tokens)
    for (i, j), around in iter_neighbourhoods(4, 6, kernel_size):
        for (p, q), (a, b) in around:
            expected[:, i, j] += weight[:, 0, p, q] * tokens[:, a, b]
    torch.testing.assert_close(mixer(tokens).detach(), expected)


@pytest.mark.smoke
def test_depthwise_conv_has_one_kernel_per_channel_and_no_bias():
    weights = DepthwiseConv(6, 5).state_dict()
    assert {key: tuple(value.shape) for key, value in weights.items()} == {
        'conv.weight': (6, 1, 5, 5)
    }


@pytest.mark.smoke
@pytest.mark.parametrize('size', [0, -3, 4, 3.0, '3', True])
@pytest.mark.parametrize(
    'mixer, argument', [(Pooling, 'pool_size'), (DepthwiseConv, 'kernel_size')]
)
def test_a_side_that_is_not_odd_is_refused(mixer, argument, size):
    with pytest.raises(UserError, match=rf'{mixer.__name__}: {argument}={size!r}.*odd'):
        mixer(8, **{argument: size})
