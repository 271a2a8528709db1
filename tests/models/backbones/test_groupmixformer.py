"""GroupMixFormer against the published models."""

import copy

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from mmgroupmix.models import GroupMixFormer, convert_state_dict

from ...goldens import Golden
from ..small_backbones import NANO, randomize_batch_norms


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
def test_the_number_of_parameters_is_that_of_the_published_models(arch, millions):
    backbone = GroupMixFormer(arch, final_norm=True)
    classifier = 1000 * (backbone.embed_dims[-1] + 1)
    count = sum(p.numel() for p in backbone.parameters()) + classifier
    assert round(count / 1e6, 2) == millions


@pytest.mark.smoke
def test_letters_are_short_names_of_the_architectures():
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
        if dim == NANO['embed_dims'][0]:  # the stem halves the size twice
            height, width = -(-height // 2), -(-width // 2)
        assert output.shape == (1, dim, height, width)


@pytest.mark.smoke
def test_an_image_has_the_same_maps_alone_and_in_a_batch():
    backbone = randomize_batch_norms(GroupMixFormer(NANO))
    images = torch.randn(3, 3, 41, 56)
    alone, together = backbone(images[1:2]), backbone(images)
    for one, many in zip(alone, together):
        torch.testing.assert_close(one[0], many[1], rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('size', [(64, 64), (45, 71)])
def test_fusing_keeps_the_outputs(size):
    backbone = randomize_batch_norms(GroupMixFormer(NANO))
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
def test_a_copy_of_a_fused_backbone_has_the_same_outputs(copy_module):
    backbone = randomize_batch_norms(GroupMixFormer(NANO)).fuse()
    image = torch.randn(1, 3, 32, 48)
    for one, other in zip(copy_module(backbone)(image), backbone(image)):
        torch.testing.assert_close(one, other)


@pytest.mark.smoke
def test_a_fused_backbone_repeats_and_joins_no_kernels():
    backbone = GroupMixFormer(NANO).fuse()
    kinds = {type(m).__name__ for m in backbone.modules() if 'Conv' in type(m).__name__}
    # No kernel is repeated or joined in a forward pass any more.
    assert kinds == {
        'PackedConv2d',
        'ConvNormAct',
        'ConvPositionEncoding',
        'SeparableConv2d',
        'SharedSeparableConv2d',
    }


@pytest.mark.smoke
def test_a_fused_backbone_refuses_to_train():
    backbone = GroupMixFormer(NANO).fuse()
    assert not backbone.training
    with pytest.raises(RuntimeError, match='fused for inference'):
        backbone.train()


@pytest.mark.smoke
def test_out_indices_select_stages():
    backbone = randomize_batch_norms(GroupMixFormer(NANO))
    image = torch.randn(1, 3, 32, 32)
    everything = backbone(image)
    backbone.out_indices = (0, 2)
    first, third = backbone(image)
    torch.testing.assert_close(first, everything[0])
    torch.testing.assert_close(third, everything[2])


@pytest.mark.smoke
def test_maps_are_contiguous_for_heads_that_take_views():
    for output in GroupMixFormer(NANO)(torch.randn(2, 3, 64, 64)):
        assert output.is_contiguous()


@pytest.mark.smoke
def test_pretrained_weights_of_another_backbone_are_ignored():
    own = dict(type='Pretrained', checkpoint='mine.pth')
    other = 'open-mmlab://resnet50_v1c'
    assert GroupMixFormer(NANO, pretrained=other).init_cfg is None
    assert GroupMixFormer(NANO, pretrained=other, init_cfg=own).init_cfg == own
    assert GroupMixFormer(NANO, pretrained='mine.pth').init_cfg == own
    with pytest.raises(
        ValueError, match="pretrained='other.pth', expected None, as both"
    ):
        GroupMixFormer(NANO, pretrained='other.pth', init_cfg=own)


@pytest.mark.smoke
def test_aggregators_and_norms_reach_every_block():
    backbone = GroupMixFormer(
        NANO, aggregators=dict(kernel_sizes=(7, 3, 5)), norm_cfg=dict(type='SyncBN')
    )
    for stage in backbone.stages:
        for block in stage.blocks:
            mixer = block.token_mixer
            branches = mixer.pre_attention[1:]
            kernels = [b.aggregator.depthwise.kernel_size[0] for b in branches]
            assert kernels == [7, 3, 5]
            assert block.norm1.eps == block.norm2.eps == 1e-6
    norms = [m for m in backbone.modules() if isinstance(m, _BatchNorm)]
    assert norms and all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)


# Eight heads of C/8 channels need multiples of 40.
WIDER = dict(NANO, embed_dims=(40, 40, 80, 40))


@pytest.mark.smoke
def test_aggregators_can_differ_between_stages():
    aggregators = dict(
        kinds=['conv', 'max_pool', ('identity',) * 5, 'identity'],
        kernel_sizes=[(5, 7, 9), 3, (3, 5, 7), 7],
    )
    backbone = GroupMixFormer(WIDER, aggregators=aggregators)
    branches = [s.blocks[0].token_mixer.pre_attention[3] for s in backbone.stages]
    assert branches[0].aggregator.depthwise.kernel_size == (9, 9)
    assert branches[1].aggregator.pool.kernel_size == 3
    kinds = [type(branch.aggregator).__name__ for branch in branches]
    assert kinds == ['SharedSeparableConv2d', 'MapPooling', 'Identity', 'Identity']
    last = [type(s.blocks[0].token_mixer.non_attention).__name__ for s in backbone.stages]
    assert last == ['NonAttentionBranch'] * 2 + ['GroupProxies', 'NonAttentionBranch']


@pytest.mark.smoke
def test_other_mixers_replace_group_mix_attention():
    swin = [
        dict(type='WindowAttention', num_heads=4),
        dict(type='WindowAttention', num_heads=4, shifted=True),
    ]
    arch = dict(WIDER, depths=(3, 1, 2, 1))
    backbone = GroupMixFormer(arch, token_mixers=[swin] * 4)
    shifts = [
        [block.token_mixer.attention.shift_size[0] for block in stage.blocks]
        for stage in backbone.stages
    ]
    assert shifts == [[0, 3, 0], [0], [0, 3], [0]]
    with pytest.raises(ValueError, match='aggregators=.*expected None, as token_mixers'):
        GroupMixFormer(WIDER, token_mixers='Identity', aggregators=dict(kernel_sizes=3))


@pytest.mark.smoke
def test_an_ablation_starts_from_its_own_checkpoint(tmp_path):
    arguments = dict(aggregators=dict(kinds=('identity',) * 5))
    saved = randomize_batch_norms(GroupMixFormer(WIDER, **arguments))
    state = {f'backbone.{key}': value for key, value in saved.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'epoch_300.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'epoch_300.pth'))
    loaded = GroupMixFormer(WIDER, init_cfg=init_cfg, **arguments)
    loaded.init_weights()
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    for key, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    with pytest.raises(ValueError, match='different aggregators than this'):
        GroupMixFormer(WIDER, init_cfg=init_cfg).init_weights()
    with pytest.raises(ValueError, match='different token_mixers than this'):
        GroupMixFormer(WIDER, init_cfg=init_cfg, token_mixers='Identity').init_weights()


@pytest.mark.slow
@pytest.mark.parametrize('arch', ['m', 's', 'b', 'l'])
def test_every_architecture_runs_and_fuses(arch):
    backbone = randomize_batch_norms(GroupMixFormer(arch))
    image = torch.randn(1, 3, 75, 64)
    with torch.inference_mode():
        before = backbone(image)
        after = backbone.fuse()(image)
    for one, other in zip(before, after):
        assert ((one - other).norm() / one.norm()).item() < 1e-4


@pytest.mark.gpu
def test_maps_on_a_gpu_are_those_on_a_cpu():
    backbone = randomize_batch_norms(GroupMixFormer(NANO))
    image = torch.randn(2, 3, 97, 64)
    expected = backbone(image)
    with torch.backends.cudnn.flags(allow_tf32=False):
        outputs = backbone.cuda()(image.cuda())
    for one, other in zip(expected, outputs):
        torch.testing.assert_close(one, other.cpu(), rtol=1e-3, atol=1e-4)
