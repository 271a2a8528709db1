"""GroupMixFormer against the published models."""

import copy

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from torch.nn.modules.batchnorm import _BatchNorm

from mmgroupmix.models import GroupMixFormer, convert_state_dict

from ..goldens import Golden

NANO = dict(embed_dims=(10, 20, 30, 40), depths=(1, 2, 1, 1), mlp_ratios=(2, 2, 2, 2))


def randomized(backbone):
    """Batch norms with statistics and factors that folding them must not lose."""
    torch.manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    return backbone.eval()


@pytest.fixture(scope='module')
def tiny(groupmixformer_golden):
    backbone = GroupMixFormer('t').eval()
    backbone.load_state_dict(groupmixformer_golden.state_dict())
    return backbone


@pytest.mark.smoke
@pytest.mark.parametrize('case', ['224x224', '256x320'])
def test_stages_agree_with_the_published_implementation(
    tiny, groupmixformer_golden, case
):
    with torch.inference_mode():
        outputs = tiny(groupmixformer_golden.image(case))
    for output, expected in zip(
        outputs, groupmixformer_golden.cases[case]['stages'], strict=True
    ):
        assert Golden.distance(output, expected) < 1e-4
        assert output.mean().item() == pytest.approx(expected['mean'], rel=1e-4)
        assert output.std().item() == pytest.approx(expected['std'], rel=1e-4)
        assert output.norm().item() == pytest.approx(expected['l2'], rel=1e-4)


def test_the_classifier_agrees_with_the_published_implementation(groupmixformer_golden):
    weights = convert_state_dict(groupmixformer_golden.state_dict(), classifier=True)
    backbone = GroupMixFormer('t', out_indices=(3,), final_norm=True).eval()
    backbone.load_state_dict(weights)
    case = '224x224'
    with torch.inference_mode():
        pooled = backbone(groupmixformer_golden.image(case))[0].mean((2, 3))
        logits = pooled @ weights['head.fc.weight'].T + weights['head.fc.bias']
    assert Golden.distance(logits, groupmixformer_golden.cases[case]['logits']) < 1e-4


@pytest.mark.parametrize(
    'arch, millions',
    [('m', 5.73), ('t', 10.95), ('s', 22.42), ('b', 45.83), ('l', 71.83)],
)
def test_parameters_are_those_of_the_published_models(arch, millions):
    backbone = GroupMixFormer(arch, final_norm=True)
    classifier = 1000 * (backbone.embed_dims[-1] + 1)
    count = sum(p.numel() for p in backbone.parameters()) + classifier
    assert round(count / 1e6, 2) == millions


@pytest.mark.smoke
def test_names_and_letters_are_the_same_architectures():
    assert GroupMixFormer.arch_aliases.keys() == set('mtsbl')
    for letter, name in GroupMixFormer.arch_aliases.items():
        assert GroupMixFormer.resolve_arch(letter) == GroupMixFormer.resolve_arch(name)


@pytest.mark.smoke
@pytest.mark.parametrize('height, width', [(32, 32), (33, 47), (65, 32), (127, 95)])
def test_any_size_gives_maps_that_round_up(height, width):
    backbone = GroupMixFormer(NANO).eval()
    outputs = backbone(torch.randn(1, 3, height, width))
    for output, dim in zip(outputs, NANO['embed_dims']):
        height, width = -(-height // 2), -(-width // 2)
        if dim == NANO['embed_dims'][0]:  # the stem halves twice
            height, width = -(-height // 2), -(-width // 2)
        assert output.shape == (1, dim, height, width)


@pytest.mark.smoke
def test_an_image_gets_the_same_maps_whatever_the_batch_beside_it():
    backbone = randomized(GroupMixFormer(NANO))
    images = torch.randn(3, 3, 41, 56)
    alone, together = backbone(images[1:2]), backbone(images)
    for one, many in zip(alone, together):
        torch.testing.assert_close(one[0], many[1], rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('size', [(64, 64), (45, 71)])
def test_fusing_keeps_the_outputs(size):
    backbone = randomized(GroupMixFormer(NANO))
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        before = backbone(image)
        after = backbone.fuse()(image)
    for one, other in zip(before, after):
        assert ((one - other).norm() / one.norm()).item() < 1e-4
    norms = [m for m in backbone.modules() if isinstance(m, _BatchNorm)]
    assert not norms


def test_fusing_a_published_model_keeps_the_outputs(tiny, groupmixformer_golden):
    fused = copy.deepcopy(tiny).fuse()
    case = groupmixformer_golden.cases['256x320']['stages']
    with torch.inference_mode():
        outputs = fused(groupmixformer_golden.image('256x320'))
    for output, expected in zip(outputs, case):
        assert Golden.distance(output, expected) < 1e-4


@pytest.mark.smoke
def test_a_fused_backbone_refuses_to_train():
    backbone = GroupMixFormer(NANO).fuse()
    assert not backbone.training
    with pytest.raises(RuntimeError, match='fused for inference'):
        backbone.train()


@pytest.mark.smoke
def test_out_indices_select_stages():
    backbone = randomized(GroupMixFormer(NANO))
    image = torch.randn(1, 3, 32, 32)
    everything = backbone(image)
    backbone.out_indices = (0, 2)
    first, third = backbone(image)
    assert torch.equal(first, everything[0])
    assert torch.equal(third, everything[2])


@pytest.mark.smoke
def test_maps_are_contiguous_for_heads_that_take_views():
    for output in GroupMixFormer(NANO)(torch.randn(2, 3, 64, 64)):
        assert output.is_contiguous()


@pytest.mark.smoke
@pytest.mark.parametrize('frozen', [-1, 0, 2, 4])
def test_frozen_stages_do_not_learn_and_stay_in_eval_mode(frozen):
    backbone = GroupMixFormer(NANO, frozen_stages=frozen).train()
    parts = [backbone.stem, *backbone.stages]
    for index, part in enumerate(parts):
        is_frozen = index <= frozen
        assert all(p.requires_grad != is_frozen for p in part.parameters())
        assert all(m.training != is_frozen for m in part.modules())
    before = [b.clone() for b in backbone.stem.buffers()]
    backbone(torch.randn(2, 3, 32, 32))
    unchanged = all(torch.equal(a, b) for a, b in zip(before, backbone.stem.buffers()))
    assert unchanged == (frozen >= 0)


@pytest.mark.smoke
def test_stages_after_the_last_returned_one_wait_for_no_gradients():
    backbone = GroupMixFormer(NANO, out_indices=(0, 1)).train()
    sum(out.mean() for out in backbone(torch.randn(2, 3, 32, 32))).backward()
    learning = [p for p in backbone.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learning)
    assert not any(p.requires_grad for p in backbone.stages[2].parameters())


@pytest.mark.smoke
def test_what_a_segmentor_hands_down_of_another_backbone_is_ignored():
    own = dict(type='Pretrained', checkpoint='mine.pth')
    foreign = 'open-mmlab://resnet50_v1c'
    assert GroupMixFormer(NANO, pretrained=foreign).init_cfg is None
    assert GroupMixFormer(NANO, pretrained=foreign, init_cfg=own).init_cfg == own
    assert GroupMixFormer(NANO, pretrained='mine.pth').init_cfg == own
    with pytest.raises(ValueError, match='both pretrained'):
        GroupMixFormer(NANO, pretrained='other.pth', init_cfg=own)


@pytest.mark.smoke
def test_norm_eval_keeps_batch_statistics():
    backbone = GroupMixFormer(NANO, norm_eval=True).train()
    before = {k: v.clone() for k, v in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 32, 32))
    assert all(torch.equal(v, before[k]) for k, v in backbone.named_buffers())
    assert backbone.stages[0].blocks[0].token_mixer.training


@pytest.mark.smoke
def test_checkpointing_gives_the_same_gradients_and_statistics():
    torch.manual_seed(0)
    plain = GroupMixFormer(NANO, drop_path_rate=0.3).train()
    saving = GroupMixFormer(NANO, drop_path_rate=0.3, with_cp=True).train()
    saving.load_state_dict(plain.state_dict())
    image = torch.randn(4, 3, 40, 40)
    for backbone in (plain, saving):
        torch.manual_seed(1)  # the same dropped paths
        sum(out.square().mean() for out in backbone(image)).backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters()):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    for (name, one), other in zip(plain.named_buffers(), saving.buffers()):
        torch.testing.assert_close(one, other, msg=name)


@pytest.mark.smoke
def test_checkpointing_keeps_fewer_activations():
    kept = {}
    for with_cp in (False, True):
        backbone = GroupMixFormer(NANO, with_cp=with_cp).train()
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        ):
            backbone(torch.randn(1, 3, 64, 64))
        kept[with_cp] = sum(sizes)
    assert kept[True] < kept[False] / 2


@pytest.mark.smoke
def test_stochastic_depth_rises_linearly_over_all_blocks():
    backbone = GroupMixFormer(NANO, drop_path_rate=0.4)
    rates = [b.drop_path.drop_prob for stage in backbone.stages for b in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert GroupMixFormer('b').stages[3].blocks[-1].drop_path.drop_prob == pytest.approx(
        0.4
    )


@pytest.mark.smoke
def test_synchronised_norms_become_plain_ones_on_one_device():
    backbone = GroupMixFormer(NANO, norm_cfg=dict(type='SyncBN'))
    reverted = revert_sync_batchnorm(backbone).train()
    outputs = reverted(torch.randn(2, 3, 32, 32))
    assert all(torch.isfinite(out).all() for out in outputs)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, error, told',
    [
        (dict(arch='bse'), ValueError, "'bse'.*did you mean 'base'.*mobile"),
        (dict(arch=dict(depths=(1, 1, 1, 1))), ValueError, 'lacks embed_dims'),
        (dict(arch=dict(NANO, depth=(1, 1, 1, 1))), ValueError, "'depth'.*'depths'"),
        (dict(arch=dict(NANO, depths=(1, 1, 1))), ValueError, 'four positive'),
        (dict(arch='t', out_indices=(0, 4)), ValueError, 'holds 4.*0 to 3'),
        (dict(arch='t', out_indices=(-1,)), ValueError, 'holds -1'),
        (dict(arch='t', out_indices=3), TypeError, 'out_indices=3'),
        (dict(arch='t', out_indices=(2, 1)), ValueError, 'ascending'),
        (dict(arch='t', out_indices=()), ValueError, 'ascending'),
        ({}, TypeError, "missing.*'arch'.*Its arguments"),
        (dict(arch=['t']), ValueError, r"unknown arch \['t'\]"),
        (
            dict(arch=dict(NANO, drop_path=0.1)),
            ValueError,
            "'drop_path'.*'drop_path_rate'",
        ),
        (dict(arch='t', in_channels=0), ValueError, 'in_channels=0'),
        (dict(arch='t', frozen_stages='a'), ValueError, "frozen_stages='a'"),
        (dict(arch='t', norm_cfg=dict(type='GN', num_groups=2)), ValueError, 'GroupNorm'),
        (dict(arch='t', norm_cfg=None), ValueError, 'norm_cfg=None.*SyncBN'),
        (dict(arch='t', norm_cfg=dict(type='BNN')), ValueError, "'BNN'.*SyncBN"),
        (dict(arch='t', aggregators=dict(kernel_sizes=3)), ValueError, 'kernel_sizes=3'),
        (dict(arch='t', frozen_stages=5), ValueError, 'frozen_stages=5'),
        (dict(arch='t', drop_path_rate=1.5), ValueError, 'drop_path_rate=1.5'),
        (dict(arch='t', out_indexes=(3,)), TypeError, "'out_indexes'.*'out_indices'"),
        (dict(arch='t', aggregators=dict(kernels=(3, 5, 7))), ValueError, "'kernels'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, error, told):
    with pytest.raises(error, match=told):
        GroupMixFormer(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize('arch', ['m', 's', 'b', 'l'])
def test_every_architecture_runs_and_fuses(arch):
    backbone = randomized(GroupMixFormer(arch))
    image = torch.randn(1, 3, 75, 64)
    with torch.inference_mode():
        before = backbone(image)
        after = backbone.fuse()(image)
    for one, other in zip(before, after):
        assert ((one - other).norm() / one.norm()).item() < 1e-4


@pytest.mark.gpu
def test_a_gpu_gives_the_maps_of_the_cpu():
    backbone = randomized(GroupMixFormer(NANO))
    image = torch.randn(2, 3, 97, 64)
    expected = backbone(image)
    with torch.backends.cudnn.flags(allow_tf32=False):
        outputs = backbone.cuda()(image.cuda())
    for one, other in zip(expected, outputs):
        torch.testing.assert_close(one, other.cpu(), rtol=1e-3, atol=1e-4)
