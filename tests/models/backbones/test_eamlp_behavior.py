"""EAMLP as a backbone: any image size, its options and their messages."""

import pytest
import torch
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import EAMLP

from ..nano_eamlp import build_eamlp, every_mix, randomize
from ..small_backbones import NANO_EAMLP


@pytest.mark.smoke
@every_mix
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (97, 61)], ids=str)
def test_images_of_any_size_give_one_vector_each_and_gradients(mix, size):
    backbone = build_eamlp(mix).train()
    (cls_token,) = backbone(torch.randn(2, 3, *size))
    assert cls_token.shape == (2, 16)
    cls_token.square().mean().backward()
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.smoke
def test_img_size_changes_no_features():
    backbones = [randomize(build_eamlp(img_size=size)) for size in (32, (64, 224), 224)]
    image = torch.randn(1, 3, 100, 75)
    small, wide, large = (backbone(image)[0] for backbone in backbones)
    torch.testing.assert_close((small, wide), (large, large))


@pytest.mark.smoke
@every_mix
def test_an_image_has_the_same_features_alone_and_in_a_batch(mix):
    backbone = randomize(build_eamlp(mix))
    images = torch.randn(3, 3, 48, 40)
    torch.testing.assert_close(backbone(images[1:2])[0][0], backbone(images)[0][1])


@pytest.mark.smoke
@every_mix
def test_activation_checkpointing_gives_the_same_gradients_and_statistics(mix):
    image = torch.randn(2, 3, 48, 48)
    found = []
    for with_cp in (False, True):
        backbone = randomize(build_eamlp(mix, with_cp=with_cp)).train()
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
    backbone = build_eamlp('batch_norm', frozen_stages=frozen).train()
    trained = {
        '.'.join(key.split('.')[: 2 if key.startswith('blocks') else 1])
        for key, p in backbone.named_parameters()
        if p.requires_grad
    }
    assert trained == free | {'final_norm'}
    for index, block in enumerate(backbone.blocks):
        assert block.norm2.training == (f'blocks.{index}' in free)


@pytest.mark.smoke
def test_norm_eval_keeps_the_statistics_of_batch_norms():
    backbone = build_eamlp('batch_norm', norm_eval=True).train()
    before = [buffer.clone() for buffer in backbone.buffers()]
    backbone(torch.randn(2, 3, 48, 48))
    assert all(map(torch.equal, before, backbone.buffers()))


@pytest.mark.smoke
def test_batch_norms_are_only_before_the_mlps_of_the_blocks():
    backbone = EAMLP('7', mlp_norm_cfg=dict(type='BN'))
    norms = {
        name
        for name, m in backbone.named_modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm)
    }
    assert norms == {f'blocks.{block}.norm2' for block in range(7)}


@pytest.mark.smoke
def test_fusing_keeps_the_outputs():
    backbone = randomize(build_eamlp())
    image = torch.randn(1, 3, 50, 64)
    with torch.inference_mode():
        torch.testing.assert_close(backbone(image)[0], backbone.fuse()(image)[0])
    with pytest.raises(RuntimeError, match='EAMLP is fused'):
        backbone.train()


@pytest.mark.smoke
def test_stochastic_depth_and_initial_weights_are_those_of_t2t_vit():
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
def test_an_architecture_is_named_by_its_depth_as_text_or_number(arch):
    backbone = EAMLP(arch)
    assert (backbone.arch, backbone.embed_dims, len(backbone.blocks)) == ('7', 256, 7)
    mixer = backbone.blocks[0].token_mixer
    assert (mixer.num_heads, mixer.memory_key.out_features) == (16, 64)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            dict(arch=8),
            "arch='8', expected 7, 14, 19, a dict with embed_dims, depth, num_heads",
        ),
        (
            dict(arch=dict(embed_dims=8)),
            "EAMLP: arch: missing 'depth', 'num_heads', 'mlp_ratio'. Its arguments: "
            'embed_dims, depth, num_heads, mlp_ratio',
        ),
        (dict(arch=dict(NANO_EAMLP, depths=2)), "'depths'.*did you mean 'depth'"),
        (
            dict(arch=dict(NANO_EAMLP, depth=0)),
            'depth=0, expected an integer of at least 1',
        ),
        (
            dict(arch=dict(NANO_EAMLP, mlp_ratio='2')),
            "mlp_ratio='2', expected a number from 0",
        ),
        (
            dict(arch=dict(NANO_EAMLP, num_heads=3)),
            'num_heads=3, expected a divisor of dim=16',
        ),
        (dict(t2t='perfomer'), "t2t='perfomer'.*did you mean 'performer'"),
        (dict(token_mixer=dict(head_dim=8)), "{'head_dim': 8}, expected .* with type"),
        (dict(token_mixer='SelfAtention'), "did you mean 'SelfAttention'"),
        (dict(token_mixer=''), "token mixer='', expected a name"),
        (dict(mlp_norm_cfg=dict(type='BM')), "mlp_norm_cfg=.*'BM'"),
        (dict(mlp_norm_cfg={}), 'mlp_norm_cfg={}, expected a norm'),
        (dict(img_size=16), 'img_size=16, expected an integer of at least 32'),
        (
            dict(img_size=(224,)),
            r'img_size=\(224,\), expected 2 values, \(height, width\)',
        ),
        (dict(drop_path_rate=1), 'drop_path_rate=1, expected a number from 0 to below 1'),
        (
            dict(frozen_stages=4),
            'frozen_stages=4, .* from -1 to 3.* 0 the tokens-to-token module, n also the '
            'first n blocks',
        ),
        (dict(in_channels=0), 'in_channels=0'),
        (dict(image_size=224), "'image_size'.*did you mean 'img_size'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, message):
    with pytest.raises(UserError, match=message):
        EAMLP(**{'arch': NANO_EAMLP, **arguments})


@pytest.mark.gpu
@every_mix
def test_features_on_a_gpu_are_those_on_a_cpu(mix):
    backbone, image = randomize(build_eamlp(mix)), torch.randn(2, 3, 97, 64)
    (expected,) = backbone(image)
    output = backbone.cuda()(image.cuda())[0].cpu()
    torch.testing.assert_close(output, expected, rtol=1e-3, atol=1e-4)
