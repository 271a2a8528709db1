"""The mixers that Group-Mix Attention is compared with, against others' modules."""

import pytest
import torch
from mmpretrain.models.utils import ShiftWindowMSA
from timm.models.pvt_v2 import Attention
from timm.models.swin_transformer import SwinTransformerBlock

from mmgroupmix.models import SpatialReductionAttention, WindowAttention


def randomize(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.double().eval()


@pytest.mark.smoke
@pytest.mark.parametrize('height, width, window', [(14, 21, 7), (15, 10, 5), (5, 5, 5)])
@pytest.mark.parametrize('shifted', [False, True])
def test_windows_equal_those_of_timms_swin_transformer(height, width, window, shifted):
    mixer = randomize(WindowAttention(24, 3, window, shifted))
    shift = window // 2 if shifted else 0
    block = SwinTransformerBlock(24, (height, width), 3, None, window, shift)
    block = block.double().eval()
    block.attn.load_state_dict(mixer.attention.state_dict(), strict=False)
    tokens = torch.randn(2, height, width, 24, dtype=torch.double)
    expected = block._attn(tokens)
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize('height, width', [(9, 16), (8, 9), (15, 13)])
@pytest.mark.parametrize('shifted', [False, True])
def test_padded_windows_equal_those_of_mmpretrain(height, width, shifted):
    mixer = randomize(WindowAttention(24, 3, 7, shifted))
    attention = ShiftWindowMSA(24, 3, 7, 3 if shifted else 0).double().eval()
    attention.w_msa.load_state_dict(
        {
            key: value
            for key, value in mixer.attention.state_dict().items()
            if key != 'relative_position_index'
        },
        strict=False,
    )
    tokens = torch.randn(2, height, width, 24, dtype=torch.double)
    expected = attention(tokens.flatten(1, 2), (height, width))
    torch.testing.assert_close(
        mixer(tokens).flatten(1, 2), expected, rtol=1e-6, atol=1e-6
    )


@pytest.mark.smoke
@pytest.mark.parametrize('reduction', [1, 2, 4])
@pytest.mark.parametrize('height, width', [(8, 12), (9, 7)])
def test_a_reduced_map_equals_the_attention_of_timms_pvt(height, width, reduction):
    mixer = randomize(SpatialReductionAttention(24, num_heads=3, reduction=reduction))
    attention = Attention(24, num_heads=3, sr_ratio=reduction, qkv_bias=True)
    attention = attention.double().eval()
    attention.load_state_dict(mixer.state_dict())
    tokens = torch.randn(2, height, width, 24, dtype=torch.double)
    expected = attention(tokens.flatten(1, 2), (height, width))
    torch.testing.assert_close(
        mixer(tokens).flatten(1, 2), expected, rtol=1e-9, atol=1e-9
    )
