"""Group-Mix Attention against a naive formulation of the paper."""

import math

import pytest
import torch

from mmgroupmix.checkpoints.groupmixformer import convert
from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixAttention
from mmgroupmix.models.token_mixers.proxy_attention import ProxyAttention

from .reference_group_mix_attention import group_mix_attention

PREFIX = 'groupmixformer_backbone.0.gma_stage.0.att.'


def published_weights(dim, fill):
    segment, width = dim // 5, dim // 10
    shapes = {
        'qkv.weight': (3 * dim, dim),
        'qkv.bias': (3 * dim,),
        'proj.weight': (dim, dim),
        'proj.bias': (dim,),
        'aggregator.agg0.conv.conv1.weight': (3 * segment, 1, 3, 3),
        'aggregator.agg0.conv.pointwise_conv.weight': (segment, 3 * segment, 1, 1),
        'aggregator.agg0.norm.weight': (segment,),
        'aggregator.agg0.norm.bias': (segment,),
    }
    for index, kernel in ((1, 3), (2, 5), (3, 7)):
        name = f'aggregator.agg{index}'
        shapes[f'{name}.conv1.weight'] = (segment, 1, kernel, kernel)
        shapes[f'{name}.pointwise_conv.weight'] = (segment, segment, 1, 1)
    for index in range(4):
        for kind in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'aggregator.norm{index}.{kind}'] = (segment,)
    for index, (kernel, heads) in enumerate(((3, 2), (5, 3), (7, 3))):
        name = f'crpe.conv_list.{index}'
        shapes[f'{name}.weight'] = (heads * width, 1, kernel, kernel)
        shapes[f'{name}.bias'] = (heads * width,)
    return {
        name: torch.from_numpy(fill(name, shape)).double()
        for name, shape in shapes.items()
    }


def load_published(mixer, weights):
    ours = convert({PREFIX + name: value for name, value in weights.items()})
    prefix = 'stages.0.blocks.0.token_mixer.'
    ours = {key.removeprefix(prefix): value for key, value in ours.items()}
    missing, unexpected = mixer.load_state_dict(ours, strict=False)
    assert not unexpected
    assert all(key.endswith('num_batches_tracked') for key in missing)


@pytest.mark.smoke
@pytest.mark.parametrize('dim, height, width', [(40, 7, 9), (80, 5, 5), (50, 1, 3)])
def test_equals_the_naive_formulation(groupmixformer_golden, dim, height, width):
    weights = published_weights(dim, groupmixformer_golden.fill.fill)
    mixer = GroupMixAttention(dim).double().eval()
    load_published(mixer, weights)
    torch.manual_seed(0)
    tokens = torch.randn(2, height * width, dim, dtype=torch.double)
    expected = group_mix_attention((tokens, (height, width)), weights)
    output = mixer(tokens.unflatten(1, (height, width)))
    torch.testing.assert_close(output.flatten(1, 2), expected, rtol=1e-6, atol=1e-6)


def test_a_fused_mixer_equals_the_naive_formulation(groupmixformer_golden):
    weights = published_weights(40, groupmixformer_golden.fill.fill)
    mixer = GroupMixAttention(40).double().eval()
    load_published(mixer, weights)
    mixer.fuse()
    tokens = torch.randn(2, 35, 40, dtype=torch.double)
    expected = group_mix_attention((tokens, (5, 7)), weights)
    output = mixer(tokens.unflatten(1, (5, 7))).flatten(1, 2)
    torch.testing.assert_close(output, expected, rtol=1e-6, atol=1e-6)
    assert not [m for m in mixer.modules() if 'BatchNorm' in type(m).__name__]


def test_training_statistics_pool_over_q_k_and_v():
    mixer = GroupMixAttention(10).double().train()
    norm = mixer.pre_attention[0].norm
    norm.momentum = 1.0  # the running mean becomes the batch's
    tokens = torch.randn(2, 4, 4, 10, dtype=torch.double)
    mixer(tokens)
    rows = mixer.qkv(tokens)[..., :6]  # q, k and v of segment 0, two channels each
    torch.testing.assert_close(
        norm.running_mean, rows.reshape(-1, 2).mean(0), rtol=1e-6, atol=1e-9
    )


def attend_without_position(q, k, v):
    """The attention of a branch to 128 x 128 tokens."""
    scale = GroupMixAttention(40).head_scale
    attention = ProxyAttention((128, 128), scale)
    return attention.attend(torch.stack((q, k, v), dim=2), torch.zeros_like)


@pytest.mark.smoke
def test_half_precision_costs_no_more_than_its_rounding_on_16384_tokens():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 128 * 128, 8).bfloat16().unbind(0)
    exact = attend_without_position(q.float(), k.float(), v.float() + 1)
    with torch.autocast('cpu', torch.bfloat16):
        half = attend_without_position(q, k, v + 1)
    error = (half.float() - exact).norm() / exact.norm()
    assert error < 2**-8  # one unit in the last place of bfloat16
    assert half.dtype == torch.bfloat16


@pytest.mark.smoke
def test_small_weights_of_many_tokens_do_not_underflow_in_half_precision():
    # One token has a weight near 1, the others have 1.1e-7 each, which float16 would
    # round to 1.2e-7: together, 6 % too much.
    num_tokens = 128 * 128
    k, v = torch.zeros(1, num_tokens, 8), torch.full((1, num_tokens, 8), 100.0)
    k[:, 0], v[:, 0] = 16, 0
    weight = 1 / (math.exp(16) + num_tokens - 1)
    expected = (num_tokens - 1) * weight * 100 * (40 / 8) ** -0.5
    q = torch.zeros(1, num_tokens, 8)
    q[..., 0] = q[..., 4] = 1  # one channel of each head
    with torch.autocast('cpu', torch.float16):
        mixed = attend_without_position(q.half(), k.half(), v.half())
    assert mixed.float().flatten().tolist() == pytest.approx(
        [expected] * mixed.numel(), rel=1e-3
    )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(dim=42), 'dim=42, expected a multiple of 10'),
        (dict(dim=40, kernel_sizes=(3, 4, 7)), r'kernel_sizes\[1\]=4, expected an odd'),
        (dict(dim=40, kernel_sizes=(3, 5)), r'kernel_sizes=\(3, 5\), expected 3 values'),
    ],
)
def test_impossible_sizes_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        GroupMixAttention(**arguments)


def test_gradients_of_first_and_second_order_in_training_are_right():
    mixer = GroupMixAttention(10).double()
    x = torch.randn(2, 3, 4, 10, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mixer, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(mixer, x, fast_mode=True)
