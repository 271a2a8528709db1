"""Self-attention against its formula and against timm."""

import pytest
import torch
from timm.models.metaformer import Attention as TimmAttention

from mmgroupmix.errors import UserError
from mmgroupmix.models.token_mixers import SelfAttention


@pytest.mark.smoke
def test_it_computes_the_formula_of_the_paper():
    mixer = SelfAttention(12, head_dim=4, qkv_bias=True).double()
    tokens = torch.randn(6, 12, dtype=torch.double)
    q, k, v = (
        tokens @ weight.T + bias
        for weight, bias in zip(
            mixer.qkv.weight.detach().chunk(3), mixer.qkv.bias.detach().chunk(3)
        )
    )
    heads = []
    for start in (0, 4, 8):
        width = slice(start, start + 4)
        scores = (q[:, width] @ k[:, width].T / 2).exp()  # sqrt(d) = 2
        heads.append(scores / scores.sum(dim=1, keepdim=True) @ v[:, width])
    expected = torch.cat(heads, dim=1) @ mixer.proj.weight.T + mixer.proj.bias
    torch.testing.assert_close(mixer(tokens[None])[0], expected)


@pytest.mark.smoke
@pytest.mark.parametrize('qkv_bias', [False, True])
def test_it_agrees_with_timm(qkv_bias):
    theirs = TimmAttention(64, qkv_bias=qkv_bias, proj_bias=True)
    mixer = SelfAttention(64, qkv_bias=qkv_bias)
    mixer.load_state_dict(theirs.state_dict())
    tokens = torch.randn(2, 5, 7, 64)
    expected = theirs(tokens.flatten(1, 2)).unflatten(1, (5, 7))
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize('head_dim', [24, 0, -32, 32.0])
def test_heads_that_do_not_divide_the_channels_are_refused(head_dim):
    with pytest.raises(UserError, match=rf'head_dim={head_dim}, expected .*dim=64'):
        SelfAttention(64, head_dim=head_dim)
