"""Separable convolutions, alone and shared by q, k and v."""

import pytest
import torch
from torch import nn

from mmgroupmix.models.layers.separable_conv import SharedSeparableConv2d


def convolve_separately(conv, qkv):
    """The depthwise and the pointwise convolution of q, k and v, one after the other."""
    depthwise = nn.functional.conv2d
    maps = [part.permute(0, 3, 1, 2) for part in qkv.chunk(3, dim=-1)]
    weight = conv.depthwise.weight
    maps = [
        conv.pointwise(depthwise(m, weight, padding=weight.shape[-1] // 2, groups=4))
        for m in maps
    ]
    return torch.stack([m.flatten(2).mT for m in maps], dim=2)  # (B, HW, 3, c)


@pytest.mark.smoke
def test_q_k_and_v_share_one_convolution_also_when_fused(copy_module):
    conv = SharedSeparableConv2d(4, 5)
    assert {key: len(value) for key, value in conv.state_dict().items()} == {
        'depthwise.weight': 4,
        'pointwise.weight': 4,
    }
    qkv = torch.randn(2, 6, 7, 12)
    expected = convolve_separately(conv, qkv)
    torch.testing.assert_close(conv(qkv), expected, rtol=1e-5, atol=1e-6)
    for _ in range(2):  # fusing twice changes nothing
        conv.fuse()
    assert len(conv.depthwise.weight) == 12
    output = copy_module(conv)(qkv)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-6)
