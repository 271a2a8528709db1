"""PoolFormer against the published implementation, timm's and mmpretrain's."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.models import PoolFormer, convert_state_dict

ARCHS = ('s12', 's24', 's36', 'm36', 'm48')
#: Parameters with the classifier of 1000 classes, in millions (the paper, Table 1).
PARAMETERS = dict(s12=11.9, s24=21.4, s36=30.9, m36=56.2, m48=73.5)
NANO = dict(
    embed_dims=(8, 16, 24, 32),
    depths=(1, 2, 1, 1),
    mlp_ratios=(4, 4, 4, 4),
    layer_scale=0.5,
)


def randomize(module, seed=0):
    """Give all weights, layer scales too, values that matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            fan_in = value[0].numel() if value.dim() > 1 else 4
            value.copy_(torch.randn(value.shape, generator=generator) * fan_in**-0.5)
            if value.dim() == 1 and not name.endswith('bias'):
                value.abs_().add_(0.3)
    module.eval()  # mmpretrain returns nothing here
    return module


@pytest.fixture(scope='module')
def published(poolformer_golden):
    return poolformer_golden.state_dict()


@pytest.mark.smoke
@pytest.mark.parametrize('case', ['224x224', '256x320'])
def test_dense_features_agree_with_the_published_code(poolformer_golden, published, case):
    backbone = PoolFormer('s12').eval()
    without_classifier = {
        k: v for k, v in published.items() if not k.startswith(('norm.', 'head.'))
    }
    backbone.load_state_dict(without_classifier | poolformer_golden.dense_state_dict())
    with torch.inference_mode():
        outputs = backbone(poolformer_golden.image(case))
    stages = poolformer_golden.cases[case]['stages']
    for output, expected in zip(outputs, stages, strict=True):
        assert poolformer_golden.distance(output, expected) < 1e-4
        for moment in ('mean', 'std'):
            value = float(getattr(output.double(), moment)())
            assert value == pytest.approx(
                expected[moment], rel=1e-4, abs=1e-4 * expected['std']
            )
        assert float(output.norm()) == pytest.approx(expected['l2'], rel=1e-4)


@pytest.mark.smoke
@pytest.mark.parametrize('case', ['224x224', '256x320'])
def test_the_classifier_agrees_with_the_published_code(
    poolformer_golden, published, case
):
    backbone = PoolFormer('s12', out_indices=(3,), final_norm=True).eval()
    backbone.load_state_dict(published)
    with torch.inference_mode():
        (last,) = backbone(poolformer_golden.image(case))
        logits = F.linear(
            last.mean((2, 3)), published['head.weight'], published['head.bias']
        )
    expected = poolformer_golden.cases[case]['logits']
    assert poolformer_golden.distance(logits, expected) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('arch', ARCHS)
@pytest.mark.parametrize('size', [(224, 224), (65, 97)], ids=str)
def test_every_architecture_agrees_with_timm(arch, size):
    import timm

    theirs = randomize(timm.create_model(f'poolformer_{arch}'))
    ours = PoolFormer(arch, final_norm=True).eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        *stages, last = ours(image)
        expected = theirs.forward_intermediates(image, intermediates_only=True)
        # timm's classifier pools first and then applies a layer norm; the published one
        # applies the group norm first, as the golden logits show.
        norm = theirs.head.norm
        expected[-1] = F.group_norm(expected[-1], 1, norm.weight, norm.bias)
    for one, other in zip((*stages, last), expected, strict=True):
        assert one.shape == other.shape
        assert (one - other).norm() < 1e-4 * other.norm()


@pytest.mark.slow
@pytest.mark.parametrize('arch', ARCHS)
def test_the_number_of_parameters_is_that_of_the_paper(arch):
    with torch.device('meta'):
        backbone = PoolFormer(arch, out_indices=(3,), final_norm=True)
    count = sum(p.numel() for p in backbone.parameters())
    count += 1001 * backbone.embed_dims[-1] - backbone.embed_dims[-1] + 1000
    assert count / 1e6 == pytest.approx(PARAMETERS[arch], abs=0.05)


@pytest.mark.smoke
def test_s12_has_exactly_the_published_number_of_parameters(poolformer_golden):
    with torch.device('meta'):
        backbone = PoolFormer('s12', out_indices=(3,), final_norm=True)
        head = nn.Linear(512, 1000)
    count = sum(p.numel() for m in (backbone, head) for p in m.parameters())
    assert count == poolformer_golden.params == 11_915_176


@pytest.mark.smoke
def test_stochastic_depth_and_layer_scale_are_those_of_the_paper():
    for arch, rate, scale in (
        ('s12', 0.1, 1e-5),
        ('s24', 0.1, 1e-5),
        ('s36', 0.2, 1e-6),
        ('m36', 0.3, 1e-6),
        ('m48', 0.4, 1e-6),
    ):
        table = PoolFormer.arch_settings[arch]
        assert (table['drop_path_rate'], table['layer_scale']) == (rate, scale)
    backbone = PoolFormer('s12')
    last = backbone.stages[3].blocks[-1]
    assert last.drop_path.drop_prob == pytest.approx(0.1)
    assert backbone.stages[0].blocks[0].drop_path.drop_prob == 0
    assert torch.equal(last.layer_scale1, torch.full((512,), 1e-5))


@pytest.mark.smoke
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (61, 38)], ids=str)
def test_any_size_agrees_with_mmpretrains_implementation(size):
    from mmpretrain.models import PoolFormer as Theirs

    theirs = randomize(
        Theirs(
            dict(
                layers=NANO['depths'],
                embed_dims=NANO['embed_dims'],
                mlp_ratios=NANO['mlp_ratios'],
            ),
            out_indices=[0, 2, 4, 6],
        )
    )
    ours = PoolFormer(NANO).eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, *size)
    with torch.inference_mode():
        for one, other in zip(ours(image), theirs(image), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.smoke
def test_out_indices_count_stages():
    backbone = randomize(PoolFormer(NANO))
    image = torch.randn(1, 3, 64, 64)
    every = backbone(image)
    some = PoolFormer(NANO, out_indices=(1, 3)).eval()
    some.load_state_dict(backbone.state_dict())
    for one, other in zip(some(image), (every[1], every[3]), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.smoke
def test_an_image_has_the_same_features_alone_and_in_a_batch():
    backbone = randomize(PoolFormer(NANO))
    images = torch.randn(3, 3, 48, 40)
    together = backbone(images)
    alone = backbone(images[1:2])
    for one, other in zip(alone, together):
        torch.testing.assert_close(one[0], other[1])


@pytest.mark.smoke
def test_activation_checkpointing_gives_the_same_gradients():
    image = torch.randn(2, 3, 48, 48)
    gradients = []
    for with_cp in (False, True):
        backbone = randomize(PoolFormer(NANO, with_cp=with_cp)).train()
        sum(out.square().sum() for out in backbone(image)).backward()
        gradients.append([p.grad for p in backbone.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.smoke
def test_frozen_stages_freeze_their_output_norms_too():
    backbone = PoolFormer(NANO, frozen_stages=2).train()
    frozen = {
        name.split('.')[0] + name.split('.')[1]
        for name, p in backbone.named_parameters()
        if not p.requires_grad
    }
    assert frozen == {
        'stemweight',
        'stembias',
        'stages0',
        'stages1',
        'out_norms0',
        'out_norms1',
    }


@pytest.mark.smoke
def test_fusing_keeps_the_outputs():
    backbone = randomize(PoolFormer(NANO))
    image = torch.randn(1, 3, 50, 64)
    with torch.inference_mode():
        for one, other in zip(backbone(image), backbone.fuse()(image)):
            torch.testing.assert_close(one, other)


@pytest.mark.smoke
def test_mmpretrain_classifies_with_converted_weights(poolformer_golden, published):
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(
                    type='mmgroupmix.PoolFormer',
                    arch='s12',
                    out_indices=(3,),
                    final_norm=True,
                ),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(type='LinearClsHead', num_classes=1000, in_channels=512),
            )
        ).eval()
    model.load_state_dict(convert_state_dict(published, classifier=True))
    with torch.inference_mode():
        logits = model.head(model.extract_feat(poolformer_golden.image('224x224')))
    expected = poolformer_golden.cases['224x224']['logits']
    assert poolformer_golden.distance(logits, expected) < 1e-4
