"""EAMLP against the published implementation, a naive one and mmpretrain's T2T-ViT."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.models import EAMLP

from ..nano_eamlp import randomize
from ..reference_eamlp import eamlp

ARCHS = ('7', '14', '19')
SELF_ATTENTION = dict(type='SelfAttention', head_dim=64, qkv_bias=False)


def fill_like_published(golden, dim, depth, mlp_ratio, batch_norm=False):
    """Fill tensors of the published names for another size."""
    widths = {256: dim, 1024: 4 * dim, 512: mlp_ratio * dim}
    shapes = {}
    for key, shape in golden.keys.items():
        shape = [widths.get(side, side) for side in shape]
        if key.startswith('blocks.0.'):
            for block in range(depth):
                shapes[key.replace('.0.', f'.{block}.', 1)] = shape
        elif not key.startswith('blocks.') and key != 'pos_embed':
            shapes[key] = shape
    for block in range(depth if batch_norm else 0):
        for statistic in ('running_mean', 'running_var'):
            shapes[f'blocks.{block}.norm2.{statistic}'] = [dim]
    return {
        key: torch.from_numpy(golden.fill.fill(key, shape))
        for key, shape in shapes.items()
    }


@pytest.fixture(scope='module')
def published(eamlp_golden):
    weights = eamlp_golden.state_dict()
    del weights['pos_embed']  # sinusoids in the golden, not filled values
    return weights


@pytest.mark.smoke
def test_class_token_and_logits_agree_with_the_published_code(eamlp_golden, published):
    backbone = EAMLP('7').eval()
    backbone.load_state_dict(published)
    with torch.inference_mode():
        (cls_token,) = backbone(eamlp_golden.image('224x224'))
        logits = F.linear(cls_token, published['head.weight'], published['head.bias'])
    for name, output in (('cls_token', cls_token), ('logits', logits)):
        expected = eamlp_golden.cases['224x224'][name]
        assert eamlp_golden.distance(output, expected) < 1e-4
        assert float(output.norm()) == pytest.approx(expected['l2'], rel=1e-4)
        assert float(output.std()) == pytest.approx(expected['std'], rel=1e-4)


@pytest.mark.parametrize(
    'arch, depth',
    [
        pytest.param('7', 2, marks=pytest.mark.smoke),
        pytest.param('14', 2, marks=pytest.mark.smoke),
        pytest.param('19', 2, marks=pytest.mark.smoke),
        pytest.param('14', 14, marks=pytest.mark.slow),
        pytest.param('19', 19, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize('batch_norm', [False, True], ids=['ln', 'bn'])
def test_every_architecture_agrees_with_a_naive_implementation(
    eamlp_golden, arch, depth, batch_norm
):
    table = dict(EAMLP.arch_settings[arch], depth=depth)
    weights = fill_like_published(
        eamlp_golden, table['embed_dims'], depth, table['mlp_ratio'], batch_norm
    )
    backbone = (
        EAMLP(table, mlp_norm_cfg=dict(type='BN') if batch_norm else None).double().eval()
    )
    backbone.load_state_dict(weights)
    image = torch.randn(2, 3, 37, 50)
    with torch.inference_mode():
        (cls_token,) = backbone(image.double())
        expected, _ = eamlp(image, weights, table['num_heads'])
    # Positions are float32 in the published model and here.
    torch.testing.assert_close(cls_token, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.smoke
def test_with_self_attention_the_blocks_are_those_of_mmpretrains_t2t_vit():
    from mmpretrain.models import T2T_ViT

    theirs = randomize(
        T2T_ViT(
            64,
            embed_dims=128,
            num_layers=2,
            layer_cfgs=dict(num_heads=2, feedforward_channels=384),
        )
    )
    ours = EAMLP(
        dict(embed_dims=128, depth=2, num_heads=2, mlp_ratio=3),
        img_size=64,
        token_mixer=SELF_ATTENTION,
    ).eval()
    for layer in theirs.encoder:
        # Theirs divides by 1 / sqrt(d) where the paper divides by sqrt(d).
        layer.attn.scaled_dot_product_attention = F.scaled_dot_product_attention
    names = dict(ln1='norm1', ln2='norm2', attn='token_mixer', norm='final_norm')
    weights = {}
    for key, value in theirs.state_dict().items():
        if key.startswith('encoder.'):
            key = (
                key.replace('ffn.layers.0.0', 'mlp.fc1')
                .replace('ffn.layers.1', 'mlp.fc2')
                .replace('encoder', 'blocks')
            )
        if not key.startswith(('tokens_to_token', 'pos_embed')):
            weights['.'.join(names.get(part, part) for part in key.split('.'))] = value
    missing, left_over = ours.load_state_dict(weights, strict=False)
    assert not left_over
    assert all(key.startswith('tokens_to_token.') for key in missing)

    class TheirTokens(nn.Module):
        def forward(self, x, recompute):
            tokens, size = theirs.tokens_to_token(x)
            return tokens.unflatten(1, tuple(size))

    ours.tokens_to_token = TheirTokens()
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image)[0], theirs(image)[0])


@pytest.mark.smoke
def test_eamlp_7_has_exactly_the_published_number_of_parameters(eamlp_golden):
    with torch.device('meta'):
        backbone, head = EAMLP('7'), nn.Linear(256, 1000)
    count = sum(p.numel() for m in (backbone, head) for p in m.parameters())
    assert count == eamlp_golden.trainable == 6_096_206
    # The published model counts its fixed positions.
    assert count + 197 * 256 == eamlp_golden.params


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, millions',
    [
        # arXiv 2105.02358, ImageNet: positions counted
        ({}, (6.1, 29.9, 54.6)),
        # arXiv 2101.11986, T2T-ViT with the performer: positions and random rows counted
        (dict(t2t='performer', token_mixer=SELF_ATTENTION), (4.3, 21.5, 39.2)),
    ],
    ids=['EAMLP', 'T2T-ViT'],
)
def test_the_number_of_parameters_is_that_of_the_papers(arguments, millions):
    for arch, expected in zip(ARCHS, millions, strict=True):
        with torch.device('meta'):
            backbone = EAMLP(arch, **arguments)
        count = sum(v.numel() for v in (*backbone.parameters(), *backbone.buffers()))
        count += (backbone.embed_dims + 1) * 1000
        assert round(count / 1e6, 1) == expected
