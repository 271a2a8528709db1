"""External attention against the published block and the paper's formulas."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmgroupmix.errors import UserError
from mmgroupmix.models.layers.double_normalization import double_normalize
from mmgroupmix.models.token_mixers import ExternalAttention

from ...goldens import Golden


def normalize_doubly(scores):
    """Section 3.2, entry by entry: (N, S) to (N, S) in float64."""
    scores = scores.double().tolist()
    columns = [sum(map(math.exp, column)) for column in zip(*scores)]
    shares = [
        [math.exp(score) / column for score, column in zip(row, columns)]
        for row in scores
    ]
    rows = [[share / (1e-9 + sum(row)) for share in row] for row in shares]
    return torch.tensor(rows, dtype=torch.double)


def attend_externally(tokens, memory_key, memory_value):
    """Section 3.1 with double normalisation, (N, d) to (N, d) in float64."""
    scores = tokens.double() @ memory_key.double().T
    return normalize_doubly(scores) @ memory_value.double()


@pytest.mark.smoke
def test_a_block_around_it_reproduces_the_published_block():
    golden = Golden('external_attention_512')
    weights = golden.state_dict()
    mixer = ExternalAttention(512, tied=True)
    # In the published code on a CPU, Mk and Mv are views of one storage: the values of Mv
    # (linear_1) in a file are read last and become those of Mk (linear_0) too.
    mixer.load_state_dict({'memory_key': weights['linear_1.weight'].squeeze(-1).T})
    image = torch.from_numpy(golden.fill.golden_input(16, 24, 512))
    x = F.conv2d(image, weights['conv1.weight'], weights['conv1.bias'])
    x = mixer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    x = F.conv2d(x, weights['conv2.0.weight'])
    x = F.batch_norm(
        x,
        *(
            weights[f'conv2.1.{name}']
            for name in ('running_mean', 'running_var', 'weight', 'bias')
        ),
    )
    output = F.relu(x + image)
    assert Golden.distance(output, golden.cases['16x24']['out']) < 1e-4


@pytest.mark.smoke
def test_it_computes_the_formulas_of_the_paper():
    mixer = ExternalAttention(8, num_memories=3).double()
    torch.nn.init.normal_(mixer.memory_value)
    tokens = torch.randn(2, 2, 5, 8, dtype=torch.double)
    output = mixer(tokens).detach()
    for image, mixed in zip(tokens, output):
        expected = attend_externally(
            image.flatten(0, 1), mixer.memory_key.detach(), mixer.memory_value.detach()
        )
        torch.testing.assert_close(mixed.flatten(0, 1), expected)


@pytest.mark.smoke
def test_softmax_normalisation_is_over_memories_alone():
    mixer = ExternalAttention(8, num_memories=3, norm='softmax').double()
    torch.nn.init.normal_(mixer.memory_value)
    token = torch.randn(8, dtype=torch.double)
    scores = [float(token @ key) for key in mixer.memory_key]
    total = sum(map(math.exp, scores))
    expected = sum(
        math.exp(score) / total * value
        for score, value in zip(scores, mixer.memory_value.detach())
    )
    others = torch.randn(4, 8, dtype=torch.double)
    output = mixer(torch.cat([token[None], others])[None])[0, 0].detach()
    torch.testing.assert_close(output, expected)


@pytest.mark.smoke
def test_tied_memories_are_one_parameter_for_key_and_value():
    mixer = ExternalAttention(8, num_memories=3, tied=True).double()
    assert list(mixer.state_dict()) == ['memory_key']
    memory = mixer.memory_key.detach()
    tokens = torch.randn(1, 10, 8, dtype=torch.double)
    expected = attend_externally(tokens[0], memory, memory)
    torch.testing.assert_close(mixer(tokens)[0].detach(), expected)


@pytest.mark.smoke
def test_memories_start_equal_but_are_two_parameters():
    mixer = ExternalAttention(512, num_memories=64)
    assert torch.equal(mixer.memory_key, mixer.memory_value)
    assert mixer.memory_key.data_ptr() != mixer.memory_value.data_ptr()


@pytest.mark.smoke
def test_memories_start_normal_with_the_published_deviation():
    torch.manual_seed(0)
    memory = ExternalAttention(512, num_memories=64).memory_key.detach()
    assert memory.shape == (64, 512)
    assert abs(memory.mean()) < 0.002
    assert memory.std() == pytest.approx((2 / 512) ** 0.5, rel=0.02)


@pytest.mark.smoke
def test_double_normalisation_is_a_softmax_over_tokens_then_rows_of_sum_one():
    scores = 3 * torch.randn(2, 3, 11, 5, dtype=torch.double)
    attention = double_normalize(scores)
    for given, normalized in zip(scores.flatten(0, 1), attention.flatten(0, 1)):
        torch.testing.assert_close(
            normalized, normalize_doubly(given), rtol=1e-6, atol=1e-9
        )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'dtype, tolerance',
    [(torch.float16, 1e-3), (torch.bfloat16, 1e-2), (torch.float32, 1e-5)],
)
def test_double_normalisation_of_many_tokens_does_not_underflow(dtype, tolerance):
    # Shares of 1 / 16384 and less are at or below float16's smallest normal number.
    torch.manual_seed(0)
    scores = (4 * torch.randn(128 * 128, 4)).to(dtype)
    attention = double_normalize(scores)
    expected = normalize_doubly(scores)
    assert attention.dtype == dtype
    assert (attention.double() - expected).norm() / expected.norm() < tolerance


@pytest.mark.smoke
def test_autocast_stays_near_float32_on_16384_tokens():
    torch.manual_seed(0)
    mixer = ExternalAttention(16, num_memories=8)
    tokens = torch.randn(1, 128, 128, 16)
    with torch.autocast('cpu', torch.bfloat16):
        half = mixer(tokens)
    exact = mixer(tokens)
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() / exact.norm() < 0.02


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(norm='dubble'), "norm='dubble', expected 'double'.*'softmax'"),
        (dict(norm=None), 'norm=None'),
        (dict(num_memories=0), 'ExternalAttention: num_memories=0'),
        (dict(num_memories=6.4), 'ExternalAttention: num_memories=6.4'),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        ExternalAttention(8, **arguments)
