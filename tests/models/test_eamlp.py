"""EAMLP against the published implementation, a naive one and mmpretrain's T2T-ViT."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import EAMLP

from .reference_eamlp import eamlp

ARCHS = ('7', '14', '19')
NANO = dict(embed_dims=16, depth=3, num_heads=2, mlp_ratio=2)
SELF_ATTENTION = dict(type='SelfAttention', head_dim=64, qkv_bias=False)
#: Mixes of the paper, small.
MIXES = dict(
    eamlp={},
    batch_norm=dict(mlp_norm_cfg=dict(type='BN')),
    performer=dict(t2t='performer'),
    self_attention=dict(token_mixer=dict(type='SelfAttention', head_dim=8)),
    no_mlp=dict(arch=dict(NANO, mlp_ratio=0)),
)
every_mix = pytest.mark.parametrize('mix', MIXES)


def build(mix='eamlp', **arguments):
    torch.manual_seed(0)
    return EAMLP(**{'arch': NANO, **MIXES[mix], **arguments})


def randomized(module):
    """Weights of any size, so that every part counts."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.copy_(torch.randn_like(parameter) * fan_in**-0.5)
    module.eval()  # mmpretrain returns nothing here
    return module


def published_like(golden, dim, depth, mlp_ratio, batch_norm=False):
    """Names as the published file of another size has, and tensors to them."""
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
    del weights['pos_embed']  # the golden's are not filled, but the sinusoids
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
def test_every_architecture_agrees_with_a_naive_one(
    eamlp_golden, arch, depth, batch_norm
):
    table = dict(EAMLP.arch_settings[arch], depth=depth)
    weights = published_like(
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

    theirs = randomized(
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
        # Theirs divides by 1 / sqrt(d), where the paper divides by sqrt(d).
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
def test_parameters_of_eamlp_7_are_exactly_the_published_ones(eamlp_golden):
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
def test_parameters_are_those_of_the_papers(arguments, millions):
    for arch, expected in zip(ARCHS, millions, strict=True):
        with torch.device('meta'):
            backbone = EAMLP(arch, **arguments)
        count = sum(v.numel() for v in (*backbone.parameters(), *backbone.buffers()))
        count += (backbone.embed_dims + 1) * 1000
        assert round(count / 1e6, 1) == expected


@pytest.mark.smoke
@every_mix
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (97, 61)], ids=str)
def test_any_size_gives_one_vector_an_image_and_trains(mix, size):
    backbone = build(mix).train()
    (cls_token,) = backbone(torch.randn(2, 3, *size))
    assert cls_token.shape == (2, 16)
    cls_token.square().mean().backward()
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.smoke
def test_the_size_that_positions_are_kept_for_changes_nothing():
    backbones = [randomized(build(img_size=size)) for size in (32, (64, 224), 224)]
    image = torch.randn(1, 3, 100, 75)
    small, wide, large = (backbone(image)[0] for backbone in backbones)
    torch.testing.assert_close((small, wide), (large, large))


@pytest.mark.smoke
@every_mix
def test_an_image_has_the_same_features_alone_and_in_a_batch(mix):
    backbone = randomized(build(mix))
    images = torch.randn(3, 3, 48, 40)
    torch.testing.assert_close(backbone(images[1:2])[0][0], backbone(images)[0][1])


@pytest.mark.smoke
@every_mix
def test_activation_checkpointing_gives_the_same_gradients_and_statistics(mix):
    image = torch.randn(2, 3, 48, 48)
    found = []
    for with_cp in (False, True):
        backbone = randomized(build(mix, with_cp=with_cp)).train()
        backbone(image)[0].square().sum().backward()
        found.append([p.grad for p in backbone.parameters()] + list(backbone.buffers()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'frozen, free',
    [
        (-1, {'tokens_to_token', 'cls_token', 'blocks.0', 'blocks.1', 'blocks.2'}),
        (0, {'blocks.0', 'blocks.1', 'blocks.2'}),
        (2, {'blocks.2'}),
        (3, set()),
    ],
)
def test_frozen_stages_count_the_tokens_to_token_module_and_blocks(frozen, free):
    backbone = build('batch_norm', frozen_stages=frozen).train()
    trained = {
        '.'.join(key.split('.')[: 2 if key.startswith('blocks') else 1])
        for key, p in backbone.named_parameters()
        if p.requires_grad
    }
    assert trained == free | {'final_norm'}
    for index, block in enumerate(backbone.blocks):
        assert block.norm2.training == (f'blocks.{index}' in free)


@pytest.mark.smoke
def test_batch_norms_stay_as_they_are_with_norm_eval():
    backbone = build('batch_norm', norm_eval=True).train()
    before = [buffer.clone() for buffer in backbone.buffers()]
    backbone(torch.randn(2, 3, 48, 48))
    assert all(map(torch.equal, before, backbone.buffers()))


@pytest.mark.smoke
def test_batch_norms_are_before_the_mlps_of_the_blocks_only():
    backbone = EAMLP('7', mlp_norm_cfg=dict(type='BN'))
    norms = {
        name
        for name, m in backbone.named_modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm)
    }
    assert norms == {f'blocks.{block}.norm2' for block in range(7)}


@pytest.mark.smoke
def test_fusing_keeps_the_outputs():
    backbone = randomized(build())
    image = torch.randn(1, 3, 50, 64)
    with torch.inference_mode():
        torch.testing.assert_close(backbone(image)[0], backbone.fuse()(image)[0])
    with pytest.raises(RuntimeError, match='EAMLP is fused'):
        backbone.train()


@pytest.mark.smoke
def test_stochastic_depth_and_weights_start_as_t2t_vit_trains():
    backbone = EAMLP('7')
    rates = [block.drop_path.drop_prob for block in backbone.blocks]
    assert rates == pytest.approx([0.1 * block / 6 for block in range(7)])
    assert EAMLP('7', drop_path_rate=0.0).blocks[6].drop_path.drop_prob == 0
    for weight in (
        backbone.cls_token,
        backbone.blocks[3].token_mixer.expand.weight,
        backbone.tokens_to_token.project.weight,
    ):
        assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.2)
        assert float(weight.detach().mean()) == pytest.approx(0, abs=0.004)
    biases = [p for key, p in backbone.named_parameters() if key.endswith('bias')]
    assert not any(bias.any() for bias in biases)


@pytest.mark.smoke
@pytest.mark.parametrize('arch', [7, '7'])
def test_an_architecture_is_its_depth_as_text_or_number(arch):
    backbone = EAMLP(arch)
    assert (backbone.arch, backbone.embed_dims, len(backbone.blocks)) == ('7', 256, 7)
    mixer = backbone.blocks[0].token_mixer
    assert (mixer.num_heads, mixer.memory_key.out_features) == (16, 64)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, told',
    [
        (dict(arch=8), "unknown arch '8'.*7, 14, 19, or a dict with embed_dims, depth"),
        (dict(arch=dict(embed_dims=8)), 'EAMLP: arch lacks depth, num_heads, mlp_ratio'),
        (dict(arch=dict(NANO, depths=2)), "'depths'.*did you mean 'depth'"),
        (dict(arch=dict(NANO, depth=0)), 'depth=0, expected a whole number, 1 or more'),
        (dict(arch=dict(NANO, mlp_ratio='2')), "mlp_ratio='2', expected a number from 0"),
        (dict(arch=dict(NANO, num_heads=3)), 'dim=16 and num_heads=3'),
        (dict(t2t='perfomer'), "t2t='perfomer'.*did you mean 'performer'"),
        (dict(token_mixer=dict(head_dim=8)), 'has no type'),
        (dict(token_mixer='SelfAtention'), "did you mean 'SelfAttention'"),
        (dict(mlp_norm_cfg=dict(type='BM')), "norm_cfg=.*'BM'"),
        (dict(img_size=16), 'img_size=16, expected the side.*from 32'),
        (dict(img_size=(224,)), r'img_size=\(224,\)'),
        (dict(drop_path_rate=1), 'drop_path_rate=1, expected'),
        (
            dict(frozen_stages=4),
            r'frozen_stages=4.*0 \(the tokens-to-token module\) or 1 to '
            '3 .*so many blocks',
        ),
        (dict(in_channels=0), 'in_channels=0'),
        (dict(image_size=224), "'image_size'.*did you mean 'img_size'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, told):
    with pytest.raises(UserError, match=told):
        EAMLP(**{'arch': NANO, **arguments})


@pytest.mark.gpu
@every_mix
def test_a_gpu_gives_the_features_of_the_cpu(mix):
    backbone, image = randomized(build(mix)), torch.randn(2, 3, 97, 64)
    (expected,) = backbone(image)
    output = backbone.cuda()(image.cuda())[0].cpu()
    torch.testing.assert_close(output, expected, rtol=1e-3, atol=1e-4)
