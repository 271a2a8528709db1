"""The MetaFormer block against the paper's equations, in all its variations."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import MetaFormerBlock
from mmgroupmix.models.blocks.metaformer_block import spread_drop_path

from ..mean_mixer import MeanOfAllTokens


def compute_block(x, block, norm, act):
    """Equations 1 to 3 on (B, C, H, W) maps, with layer scale."""

    def scale(branch, factors):
        return branch if factors is None else factors[:, None, None] * branch

    def mlp(x):
        hidden = F.conv2d(x, block.mlp.fc1.weight[:, :, None, None], block.mlp.fc1.bias)
        return F.conv2d(
            act(hidden), block.mlp.fc2.weight[:, :, None, None], block.mlp.fc2.bias
        )

    tokens = norm(x, block.norm1).permute(0, 2, 3, 1)
    mixed = block.token_mixer(tokens).permute(0, 3, 1, 2)
    x = x + scale(mixed, block.layer_scale1)
    return x + scale(mlp(norm(x, block.norm2)), block.layer_scale2)


def normalize_over(*dims):
    """Build a norm with statistics over these dimensions of a (B, C, H, W) map."""

    def normalize(x, norm):
        mean, var = x.mean(dims, True), x.var(dims, False, True)
        x = (x - mean) / (var + norm.eps).sqrt()
        return x * norm.weight[:, None, None] + norm.bias[:, None, None]

    return normalize


@pytest.mark.smoke
@pytest.mark.parametrize('act', ['GELU', 'ReLU', 'SiLU'])
@pytest.mark.parametrize(
    'norm_cfg, norm',
    [
        (dict(type='GN', num_groups=1), normalize_over(1, 2, 3)),
        (dict(type='LN'), normalize_over(1)),
        (dict(type='BN'), normalize_over(0, 2, 3)),
        (None, lambda x, _: x),
    ],
    ids=['GN', 'LN', 'BN', 'none'],
)
@pytest.mark.parametrize('layer_scale', [0, 0.3])
def test_the_block_computes_the_equations_of_the_paper(norm_cfg, norm, act, layer_scale):
    torch.manual_seed(0)
    block = MetaFormerBlock(
        8, MeanOfAllTokens(8), 2, norm_cfg, dict(type=act), layer_scale
    ).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 8, 5, 7, dtype=torch.double) * 3 + 1
    function = dict(GELU=F.gelu, ReLU=F.relu, SiLU=F.silu)[act]
    expected = compute_block(x, block, norm, function)
    output = block(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(output, expected)


@pytest.mark.smoke
def test_layer_scale_starts_at_its_value_on_both_branches():
    block = MetaFormerBlock(8, MeanOfAllTokens(8), layer_scale=0.25)
    assert block.layer_scale1.tolist() == block.layer_scale2.tolist() == [0.25] * 8
    assert MetaFormerBlock(8, MeanOfAllTokens(8)).layer_scale2 is None


@pytest.mark.smoke
def test_the_mlp_has_a_norm_of_its_own_if_given():
    block = MetaFormerBlock(
        8, MeanOfAllTokens(8), norm_cfg=dict(type='LN'), mlp_norm_cfg=dict(type='BN')
    )
    assert isinstance(block.norm1, nn.LayerNorm)
    assert isinstance(block.norm2, nn.BatchNorm2d)


@pytest.mark.smoke
def test_a_position_encoding_comes_before_everything_else():
    torch.manual_seed(0)
    encoding = nn.Linear(8, 8)
    plain = MetaFormerBlock(8, MeanOfAllTokens(8))
    block = MetaFormerBlock(8, MeanOfAllTokens(8), position_encoding=encoding)
    block.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(1, 4, 4, 8)
    torch.testing.assert_close(block(x), plain(encoding(x)))


@pytest.mark.smoke
def test_a_block_without_residual_returns_its_branch_alone():
    block = MetaFormerBlock(8, MeanOfAllTokens(8), residual=False, norm_cfg=None)
    x = torch.randn(1, 4, 4, 8)
    mixed = x.mean((1, 2), keepdim=True).expand_as(x)
    torch.testing.assert_close(block(x), block.mlp(mixed))


@pytest.mark.smoke
def test_a_block_without_residual_still_has_layer_scale():
    block = MetaFormerBlock(
        8, MeanOfAllTokens(8), 0, None, layer_scale=0.5, residual=False
    )
    x = torch.randn(1, 4, 4, 8)
    torch.testing.assert_close(block(x), 0.5 * block.token_mixer(x))


@pytest.mark.smoke
def test_a_block_without_mlp_ends_after_the_mixer():
    block = MetaFormerBlock(8, MeanOfAllTokens(8), mlp_ratio=0, norm_cfg=None)
    assert not list(block.parameters())
    x = torch.randn(1, 4, 4, 8)
    torch.testing.assert_close(block(x), x + x.mean((1, 2), keepdim=True))


@pytest.mark.smoke
@pytest.mark.parametrize('half', ['mixer', 'mlp'])
def test_stochastic_depth_drops_either_branch_of_an_image(half):
    torch.manual_seed(0)
    factor, mlp_ratio = (1.0, 0) if half == 'mixer' else (0.0, 2)
    block = MetaFormerBlock(
        8, MeanOfAllTokens(8, factor), mlp_ratio, None, drop_path=0.25
    )
    x = torch.randn(200, 2, 2, 8)
    branch = block.token_mixer(x) if half == 'mixer' else block.mlp(x)
    output = block.train()(x)
    is_dropped = (output - x).flatten(1).abs().amax(1) < 1e-6
    assert 0.1 < is_dropped.float().mean() < 0.4  # binomial: 0.25, five deviations away
    kept = ~is_dropped
    # What is kept is scaled up, so that the expectation stays the same.
    expected = x[kept] + branch[kept] / 0.75
    torch.testing.assert_close(output[kept], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block.eval()(x), x + branch)


@pytest.mark.smoke
def test_the_rate_of_stochastic_depth_rises_linearly_to_the_last_block():
    assert spread_drop_path(0.4, 5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert spread_drop_path(0.4, 1) == [0]


class Returning(nn.Module):
    """A token mixer that returns what a function makes of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def return_map(x):
    return x.permute(0, 3, 1, 2)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'function, message',
    [
        (return_map, r'\(1, 8, 6, 4\), expected \(1, 6, 4, 8\)'),
        (lambda x: x.mean((1, 2), keepdim=True), r'\(1, 1, 1, 8\), expected'),
        (lambda x: None, 'NoneType, expected'),
        (lambda x: (x, x), 'tuple, expected'),
    ],
    ids=['map', 'mean', 'None', 'tuple'],
)
def test_a_mixer_that_returns_something_else_is_named(function, message):
    block = MetaFormerBlock(8, Returning(function))
    for _ in range(2):  # a second attempt gets the same message
        with pytest.raises(UserError, match=f'token mixer Returning returned {message}'):
            block(torch.randn(1, 6, 4, 8))


@pytest.mark.smoke
def test_a_copy_checks_its_own_mixer_and_only_its_first_output(copy_module):
    block = copy_module(MetaFormerBlock(8, Returning(return_map)))
    with pytest.raises(UserError, match='Returning returned'):
        block(torch.randn(1, 6, 4, 8))
    block.token_mixer.function = torch.clone
    block(torch.randn(1, 6, 4, 8))
    assert not block.token_mixer._forward_hooks


@pytest.mark.smoke
def test_an_mlp_without_hidden_channels_is_refused():
    with pytest.raises(UserError, match=r'mlp_ratio=0.01: hidden channels=0.*at least 1'):
        MetaFormerBlock(8, MeanOfAllTokens(8), mlp_ratio=0.01)
