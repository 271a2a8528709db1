"""The external attention block against the published one, and its cost."""

import math
import runpy
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmgroupmix.errors import UserError
from mmgroupmix.models import ExternalAttentionBlock
from mmgroupmix.models.blocks.self_attention_block import SelfAttentionBlock

from ...goldens import Golden

REPOSITORY = Path(__file__).parents[3]


class PublishedBlock(nn.Module):
    """The published block: its names, and one storage for both memories at first."""

    def __init__(self, channels, num_memories):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.linear_0 = nn.Conv1d(channels, num_memories, 1, bias=False)
        self.linear_1 = nn.Conv1d(num_memories, channels, 1, bias=False)
        self.linear_1.weight.data = self.linear_0.weight.data.transpose(0, 1)
        self.conv2 = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x):
        attention = self.linear_0(self.conv1(x).flatten(2)).softmax(-1)
        attention = attention / (1e-9 + attention.sum(1, keepdim=True))
        return F.relu(self.conv2(self.linear_1(attention).view_as(x)) + x)


def random_file(channels, num_memories):
    """A file as after training on a GPU, with two different memories."""
    torch.manual_seed(0)
    file = PublishedBlock(channels, num_memories).double().state_dict()
    return {
        name: torch.rand_like(value) if value.is_floating_point() else value
        for name, value in file.items()
    }


def count_flops(block, *size):
    with FlopCounterMode(display=False) as counter:
        block(torch.empty(size, device='meta'))
    return counter.get_total_flops()


@pytest.mark.smoke
def test_a_tied_block_agrees_with_the_published_code_on_a_cpu():
    golden = Golden('external_attention_512')
    block = ExternalAttentionBlock(512, tied=True).eval()
    block.load_state_dict(golden.state_dict())
    image = torch.from_numpy(golden.fill.golden_input(16, 24, 512))
    expected = golden.cases['16x24']['out']
    output = block(image)
    assert Golden.distance(output, expected) < 1e-4
    assert float(output.norm()) == pytest.approx(expected['l2'], rel=1e-4)


@pytest.mark.smoke
@pytest.mark.parametrize('tied', [False, True])
def test_a_published_file_gives_the_outputs_of_the_published_code(tied):
    # .double() copies the weights and so separates the memories, as .cuda() does.
    published = PublishedBlock(6, 4)
    published = published.eval() if tied else published.double().eval()
    block = ExternalAttentionBlock(6, num_memories=4, tied=tied)
    block = block.eval() if tied else block.double().eval()
    file = random_file(6, 4)
    published.load_state_dict(file)
    block.load_state_dict(file)
    image = torch.randn(2, 6, 3, 5).to(block.conv1.weight.dtype)
    torch.testing.assert_close(block(image), published(image))


@pytest.mark.smoke
def test_the_two_memories_of_a_file_become_key_and_value():
    file = random_file(6, 4)
    block = ExternalAttentionBlock(6, num_memories=4).double()
    block.load_state_dict(file)
    mixer = block.attention
    assert torch.equal(mixer.memory_key, file['linear_0.weight'].squeeze(-1))
    assert torch.equal(mixer.memory_value, file['linear_1.weight'].squeeze(-1).T)


@pytest.mark.smoke
def test_its_own_state_dict_loads_and_a_file_of_another_size_is_refused():
    block, other = ExternalAttentionBlock(6, 4), ExternalAttentionBlock(6, 4)
    other.load_state_dict(block.state_dict())
    assert torch.equal(other.conv1.weight, block.conv1.weight)
    with pytest.raises(RuntimeError, match='attention.memory_key'):
        block.load_state_dict(random_file(6, 5))
    with pytest.raises(RuntimeError, match='linear_2'):
        block.load_state_dict(random_file(6, 4) | {'linear_2': torch.ones(1)})


@pytest.mark.smoke
def test_it_has_the_parameters_of_the_published_block():
    golden = Golden('external_attention_512')
    with torch.device('meta'):
        block = ExternalAttentionBlock(512)
    assert sum(p.numel() for p in block.parameters()) == golden.params


@pytest.mark.smoke
def test_it_is_initialised_like_the_published_block():
    torch.manual_seed(0)
    block = ExternalAttentionBlock(512)
    for conv in (block.conv1, block.conv2):
        weight = conv.weight.detach()
        assert weight.std() == pytest.approx(math.sqrt(2 / 512), rel=0.01)
        assert abs(weight.mean()) < 0.001
    assert (block.norm.weight == 1).all() and (block.norm.bias == 0).all()


@pytest.mark.smoke
@pytest.mark.parametrize(
    'block',
    [lambda: ExternalAttentionBlock(6, 4), lambda: SelfAttentionBlock(6)],
    ids=['external', 'self'],
)
def test_folding_the_norm_changes_no_output(block):
    block = block().eval()
    nn.init.uniform_(block.norm.running_mean)
    nn.init.uniform_(block.norm.running_var, 0.5, 2)
    nn.init.uniform_(block.norm.weight)
    image = torch.randn(2, 6, 3, 5)
    expected = block(image)
    block.fuse()
    assert isinstance(block.norm, nn.Identity)
    torch.testing.assert_close(block(image), expected)


@pytest.mark.smoke
def test_another_norm_or_none_may_be_chosen_and_is_not_folded():
    block = ExternalAttentionBlock(6, norm_cfg=dict(type='GN', num_groups=2))
    block.fuse()
    assert isinstance(block.norm, nn.GroupNorm)
    assert isinstance(ExternalAttentionBlock(6, norm_cfg=None).norm, nn.Identity)
    with pytest.raises(UserError, match="'type': 'BM'"):
        ExternalAttentionBlock(6, norm_cfg=dict(type='BM'))


@pytest.mark.smoke
def test_a_layer_norm_normalises_the_channels_of_each_pixel():
    block = ExternalAttentionBlock(6, 4, norm_cfg=dict(type='LN', eps=0.1)).double()
    image = torch.randn(2, 6, 3, 5, dtype=torch.double)
    tokens = block.conv1(image).permute(0, 2, 3, 1)
    mixed = block.conv2(block.attention(tokens).permute(0, 3, 1, 2))
    variance, mean = torch.var_mean(mixed, dim=1, correction=0, keepdim=True)
    expected = F.relu(image + (mixed - mean) / (variance + 0.1).sqrt())
    torch.testing.assert_close(block(image), expected)


@pytest.mark.smoke
@pytest.mark.parametrize('batch, height, width', [(1, 1, 1), (2, 7, 3)])
def test_maps_of_any_size_give_gradients_for_every_weight(batch, height, width):
    block = ExternalAttentionBlock(8, 4).eval()
    output = block(torch.randn(batch, 8, height, width))
    assert output.shape == (batch, 8, height, width)
    assert output.is_contiguous()  # for heads that take views
    output.sum().backward()
    assert all(p.grad is not None for p in block.parameters())


@pytest.mark.smoke
@pytest.mark.parametrize('tied', [False, True])
def test_operations_grow_linearly_with_the_pixels(tied):
    channels, memories = 16, 4
    with torch.device('meta'):
        block = ExternalAttentionBlock(channels, memories, tied=tied)
    # Two convolutions and two products, each a multiplication and an addition.
    per_pixel = 2 * (2 * channels**2 + 2 * memories * channels)
    assert count_flops(block, 1, channels, 8, 8) == 64 * per_pixel
    assert count_flops(block, 1, channels, 8, 16) == 2 * 64 * per_pixel


@pytest.mark.smoke
@pytest.mark.parametrize('norm', ['softmax', 'double'])
def test_self_attention_grows_with_the_square_of_the_pixels(norm):
    channels, pixels = 16, 64
    with torch.device('meta'):
        block = SelfAttentionBlock(channels, norm)
    convolutions, products = 2 * 4 * channels**2, 2 * 2 * channels
    assert (
        count_flops(block, 1, channels, 8, 8)
        == convolutions * pixels + products * pixels**2
    )
    assert (
        count_flops(block, 1, channels, 8, 16)
        == 2 * convolutions * pixels + 4 * products * pixels**2
    )


@pytest.mark.smoke
@pytest.mark.parametrize('norm', ['softmax', 'double'])
def test_self_attention_computes_the_formulas_of_the_paper(norm):
    block = SelfAttentionBlock(6, norm).double().eval()
    image = torch.randn(2, 6, 3, 5, dtype=torch.double)
    q, k, v = block.conv1(image).flatten(2).chunk(3, dim=1)  # (B, c, N) each
    scores = torch.einsum('bci,bcj->bij', q, k).exp()  # query i, key j
    if norm == 'double':
        scores = scores / scores.sum(1, keepdim=True)
    attention = scores / scores.sum(2, keepdim=True)
    mixed = torch.einsum('bij,bcj->bci', attention, v).view_as(image)
    expected = F.relu(image + block.norm(block.conv2(mixed)))
    torch.testing.assert_close(block(image), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.smoke
def test_an_unknown_norm_of_self_attention_is_named():
    with pytest.raises(UserError, match="norm='none', expected 'softmax'.*'double'"):
        SelfAttentionBlock(6, norm='none')


def test_the_command_prints_costs_next_to_those_of_the_paper(monkeypatch, capsys):
    # In this process: a new one would take seconds for its imports.
    script = REPOSITORY / 'tools' / 'attention_cost.py'
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, 'argv', [str(script)])
    runpy.run_path(str(script), run_name='__main__')
    printed = capsys.readouterr().out
    rows = {line[:34].strip(): line[34:].split() for line in printed.splitlines()}
    golden = Golden('external_attention_512')
    parameters, operations = rows['external attention, S = 64']
    assert float(parameters) == pytest.approx(golden.params / 1e6, abs=6e-4)
    assert float(operations) == pytest.approx(
        128**2 * (2 * 512**2 + 2 * 64 * 512) / 1e9, abs=6e-3
    )
    assert round(float(rows['self-attention'][1])) == 292  # arXiv 2105.02358
    assert rows['the paper: self-attention'] == ['1.00', '292']
    assert rows['the paper: external attention'] == ['0.55', '9.2']


@pytest.mark.smoke
def test_double_normalised_self_attention_stays_finite_in_float16():
    from mmgroupmix.models.blocks.self_attention_block import PixelAttention

    torch.manual_seed(0)
    qkv = 100 * torch.randn(1, 4, 4, 3 * 512).relu().half()
    attention = PixelAttention('double')
    with torch.autocast('cpu', torch.float16):
        mixed = attention(qkv)
    assert mixed.isfinite().all()


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(channels=0), 'channels=0, expected an integer of at least 1'),
        (dict(channels=6, norms='LN'), "no argument 'norms' .did you mean 'norm'"),
        ({}, "missing 'channels'. Its arguments: channels"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        ExternalAttentionBlock(**arguments)
