"""Position encodings: convolutional, learnt, sinusoidal."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmgroupmix.models.layers.position import (
    ConvPositionEncoding,
    HeadwiseConv2d,
    PositionEmbedding,
    SinusoidPosition,
    build_sinusoid_table,
    merge_kernels,
)

from ..reference_eamlp import sinusoids


@pytest.mark.smoke
def test_a_convolutional_encoding_is_added_to_the_tokens_and_folded_once():
    encoding = ConvPositionEncoding(6)
    tokens = torch.randn(2, 5, 4, 6)
    conv = F.conv2d(
        tokens.permute(0, 3, 1, 2),
        encoding.conv.weight,
        encoding.conv.bias,
        padding=1,
        groups=6,
    )
    expected = tokens + conv.permute(0, 2, 3, 1)
    torch.testing.assert_close(encoding(tokens), expected)
    for _ in range(2):
        encoding.fuse()
        torch.testing.assert_close(encoding(tokens), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('kernel_sizes', [(3, 3), (5, 7), (7, 3)], ids=str)
def test_every_head_is_convolved_by_its_own_kernel(kernel_sizes):
    convs = [*HeadwiseConv2d(4, kernel_sizes).convs, *HeadwiseConv2d(2, (5, 1)).convs]
    image = torch.randn(2, 12, 6, 9)
    parts = image.split([4, 4, 2, 2], dim=1)
    expected = torch.cat([conv(part) for conv, part in zip(convs, parts)], dim=1)
    weight, bias = merge_kernels(convs)
    merged = F.conv2d(image, weight, bias, padding=weight.shape[-1] // 2, groups=12)
    torch.testing.assert_close(merged, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_two_heads_are_convolved_alike_before_and_after_they_are_merged():
    heads = HeadwiseConv2d(4, (3, 7))
    image = torch.randn(2, 8, 6, 9)
    parts = zip(heads.convs, image.split(4, dim=1))
    expected = torch.cat([conv(part) for conv, part in parts], dim=1)
    for convolve in (heads, heads.merge()):
        torch.testing.assert_close(convolve(image), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_a_position_embedding_is_resampled_for_other_sizes():
    position = PositionEmbedding(8, (16, 16))
    ramp = torch.linspace(-1, 1, 16).view(1, 16, 1, 1)
    position.embedding.data += ramp
    added = position(torch.zeros(1, 8, 24, 8))
    assert added.shape == (1, 8, 24, 8)
    # The middle of each pair of rows: bicubic resampling keeps a ramp except at the edge.
    rows = ramp.view(8, 2).mean(1)
    torch.testing.assert_close(added[0, 1:-1, 5, 0], rows[1:-1], rtol=0, atol=1e-3)


@pytest.mark.smoke
@pytest.mark.parametrize('count, dim', [(197, 256), (30, 7)])
def test_fixed_positions_are_sines_and_cosines(count, dim):
    table = build_sinusoid_table(count, dim)
    torch.testing.assert_close(table, sinusoids(count, dim).float(), rtol=0, atol=1e-7)


@pytest.mark.smoke
def test_fixed_positions_are_those_of_mmpretrains_t2t_vit():
    from mmpretrain.models.backbones.t2t_vit import get_sinusoid_encoding

    expected = get_sinusoid_encoding(577, 384)[0]
    table = build_sinusoid_table(577, 384)
    torch.testing.assert_close(table, expected, rtol=0, atol=1e-7)


@pytest.mark.smoke
def test_positions_beyond_the_table_are_computed_and_none_are_saved():
    position = SinusoidPosition(4, 3)
    output = position(torch.zeros(1, 6, 4))
    assert output[0, 5].tolist() == pytest.approx(
        [math.sin(5), math.cos(5), math.sin(5 / 100), math.cos(5 / 100)]
    )
    assert not position.state_dict()
