"""Masked convolution of the stand-in, against an ordinary convolution."""

import pytest
import torch
import torch.nn.functional as F

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('kernel, padding', [(3, 1), (1, 0), ((3, 5), (1, 2))])
def test_masked_convolution_is_a_convolution_at_the_positions_of_the_mask(
    kernel, padding
):
    ops = pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    layer = ops.MaskedConv2d(3, 4, kernel, padding=padding)
    features = torch.randn(1, 3, 6, 7)
    mask = torch.rand(1, 6, 7) > 0.5
    expected = F.conv2d(features, layer.weight, layer.bias, padding=padding) * mask
    torch.testing.assert_close(layer(features, mask), expected)
    assert mask.any() and not mask.all()
