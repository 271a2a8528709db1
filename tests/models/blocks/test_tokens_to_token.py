"""The tokens-to-token module, piece by piece."""

import pytest
import torch

from mmgroupmix.models.blocks.performer import TokenPerformer
from mmgroupmix.models.blocks.tokens_to_token import SoftSplit, TokensToToken

from ..reference_eamlp import performer, soft_split


@pytest.mark.smoke
@pytest.mark.parametrize('arguments', [(7, 4, 2), (3, 2, 1)], ids=str)
def test_a_soft_split_is_every_overlapping_window(arguments):
    image = torch.randn(2, 5, 33, 18)
    expected, size = soft_split(image, *arguments)
    tokens = SoftSplit(*arguments)(image)
    assert tokens.shape[1:3] == size
    assert torch.equal(tokens.flatten(1, 2), expected)  # copies, not computations


@pytest.mark.smoke
def test_224_pixels_become_196_tokens_of_the_widths_in_the_paper():
    module = TokensToToken(3, 256)
    assert [encoder.norm1.normalized_shape for encoder in module.encoders] == [
        (147,),
        (576,),
    ]
    assert module.project.in_features == 576
    assert module.count_tokens(224, 224) == 196
    assert module(torch.randn(1, 3, 224, 224)).shape == (1, 14, 14, 256)


@pytest.mark.smoke
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (97, 61)], ids=str)
def test_the_number_of_tokens_is_known_in_advance(size):
    module = TokensToToken(3, 8)
    _, height, width, _ = module(torch.randn(1, 3, *size)).shape
    assert module.count_tokens(*size) == height * width


@pytest.mark.smoke
def test_the_performer_is_attention_with_a_kernel_of_random_features():
    attention = TokenPerformer(9, dim=6).double()
    x = torch.randn(2, 3, 4, 9, dtype=torch.double)
    output = attention(x)
    layer = attention.kqv
    for image, mixed in zip(x.flatten(1, 2), output.flatten(1, 2)):
        k, q, v = (image @ layer.weight.T + layer.bias).split(6, dim=1)
        expected = v + attention.proj(performer(q, k, v, attention.projection))
        torch.testing.assert_close(mixed, expected)


@pytest.mark.smoke
@pytest.mark.parametrize('attention', ['external_attention', 'performer'])
def test_dropout_acts_where_the_published_encoders_have_it(attention):
    encoder = TokensToToken(3, 8, attention, drop_rate=0.1).encoders[0].train()
    dropped = []
    for module in (encoder.attention.drop, encoder.mlp_drop):
        module.register_forward_hook(
            lambda module, inputs, output: dropped.append((inputs[0], module.p))
        )
    x = torch.randn(2, 4, 5, 147)
    encoder(x)
    shapes = [(*tensor.shape[1:], p) for tensor, p in dropped]
    if attention == 'performer':
        assert shapes == [(20, 64, 0.1), (4, 5, 64, 0.1)]
    else:
        assert shapes == [(20, 128, 0.1), (20, 64, 0.1), (4, 5, 64, 0.0)]
        rows = dropped[0][0].sum(dim=-1)  # attention after the double normalisation
        torch.testing.assert_close(rows, torch.ones_like(rows))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.smoke
def test_the_rows_of_the_performer_are_orthogonal_and_not_trained():
    attention = TokenPerformer(147)
    gram = attention.projection @ attention.projection.T
    torch.testing.assert_close(gram, 32 * torch.eye(32), rtol=1e-4, atol=1e-4)
    assert 'projection' in attention.state_dict()
    assert 'projection' not in dict(attention.named_parameters())


@pytest.mark.smoke
def test_the_performer_stays_finite_in_half_precision_on_large_tokens():
    attention = TokenPerformer(147)
    x = 30 * torch.randn(1, 24, 24, 147)
    expected = attention(x)
    with torch.autocast('cpu', torch.float16):
        output = attention(x)
    assert output.isfinite().all()
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.5)
