"""The ablations of the GroupMixFormer paper (Section 4.3), each one change to GMF-T."""

import pytest
import torch
from torch import nn

from .experiments import build, read

#: Kind of each segment and kernel sides of segments 1 to 3, by stage where they differ.
IDENTITY, CONVS = ('identity',) * 3, ('conv',) * 3
SMALL, LARGE = (3, 5, 7), (5, 7, 9)
AGGREGATORS = dict(
    all_identity=(IDENTITY, 'identity', [SMALL] * 4),
    non_attention_only=(IDENTITY, 'conv', [SMALL] * 4),
    aggregators_only=(CONVS, 'identity', [SMALL] * 4),
    conv_before=(CONVS, 'identity', [SMALL] * 4),
    k3=(CONVS, 'conv', [(3, 3, 3)] * 4),
    k5=(CONVS, 'conv', [(5, 5, 5)] * 4),
    k7=(CONVS, 'conv', [(7, 7, 7)] * 4),
    k579=(CONVS, 'conv', [LARGE] * 4),
    large_early=(CONVS, 'conv', [LARGE, LARGE, SMALL, SMALL]),
    large_late=(CONVS, 'conv', [SMALL, SMALL, LARGE, LARGE]),
    maxpool=(('max_pool',) * 3, 'conv', [SMALL] * 4),
    avgpool=(('avg_pool',) * 3, 'conv', [SMALL] * 4),
    minpool=(('min_pool',) * 3, 'conv', [SMALL] * 4),
)
MIXERS = dict(swin='WindowAttention', pvt='SpatialReductionAttention')
ON_ADE20K = ('all_identity', 'non_attention_only', 'aggregators_only', 'swin', 'pvt')
NAMES = [*AGGREGATORS, *MIXERS]
IN1K = [f'gmf_t_{name}_in1k' for name in NAMES]
COCO = [f'mask_rcnn_gmf_t_{name}_1x_coco' for name in NAMES]
ADE20K = [
    f'{method}_gmf_t_{name}_ade20k'
    for method in ('sem_fpn', 'upernet')
    for name in ON_ADE20K
]
IN_OTHERS = ['swin_t_aggregators_in1k', 'pvt_small_aggregators_in1k']
COVERED = [*IN1K, *COCO, *ADE20K, *IN_OTHERS]


def build_backbone(name):
    return build(read(f'ablations/{name}'), 'meta').backbone


def describe_branch(branch):
    """Kind and kernel side of what an aggregator is, by its modules."""
    aggregator = branch.aggregator
    if isinstance(aggregator, nn.Identity):
        return 'identity', None
    if hasattr(aggregator, 'depthwise'):
        return 'conv', aggregator.depthwise.kernel_size[0]
    if isinstance(aggregator.pool, nn.AvgPool2d):
        return 'avg_pool', aggregator.pool.kernel_size
    return {1: 'max_pool', -1: 'min_pool'}[aggregator.sign], aggregator.pool.kernel_size


@pytest.mark.parametrize('name', AGGREGATORS)
def test_every_block_has_the_aggregators_of_the_ablation(name):
    kinds, last, sides = AGGREGATORS[name]
    for stage, stage_sides in zip(build_backbone(f'gmf_t_{name}_in1k').stages, sides):
        for block in stage.blocks:
            mixer = block.token_mixer
            expected = [
                (kind, None if kind == 'identity' else side)
                for kind, side in zip(('identity', *kinds), (1, *stage_sides))
            ]
            assert [describe_branch(b) for b in mixer.pre_attention] == expected
            assert describe_branch(mixer.non_attention)[0] == last
            assert mixer.aggregate_input == (name == 'conv_before')


@pytest.mark.parametrize('name', MIXERS)
def test_other_attention_stands_in_the_same_macro_structure(name):
    backbone = build_backbone(f'gmf_t_{name}_in1k')
    ours = build(read('gmf_t_in1k'), 'meta').backbone
    for stage, other in zip(backbone.stages, ours.stages):
        assert len(stage.blocks) == len(other.blocks)
        for block in stage.blocks:
            assert type(block.token_mixer).__name__ == MIXERS[name]
    without_mixers = [
        {key for key in model.state_dict() if '.token_mixer.' not in key}
        for model in (backbone, ours)
    ]
    assert without_mixers[0] == without_mixers[1]


def test_windows_are_shifted_in_every_second_block_and_keys_reduced_as_in_pvt():
    swin = build_backbone('gmf_t_swin_in1k')
    for stage in swin.stages:
        attentions = [block.token_mixer.attention for block in stage.blocks]
        assert {a.window_size[0] for a in attentions} == {7}
        assert [a.shift_size[0] for a in attentions] == [0, 3] * (len(attentions) // 2)
    pvt = build_backbone('gmf_t_pvt_in1k')
    convs = [getattr(s.blocks[-1].token_mixer, 'sr', None) for s in pvt.stages]
    assert [conv and conv.stride[0] for conv in convs] == [8, 4, 2, None]


@pytest.mark.parametrize('name', [*COCO, *ADE20K])
def test_a_dense_ablation_has_the_backbone_and_the_weights_of_its_classifier(name):
    ablation = name.split('gmf_t_')[1].removesuffix('_1x_coco').removesuffix('_ade20k')
    dense = dict(read(f'ablations/{name}').model.backbone)
    classifier = dict(read(f'ablations/gmf_t_{ablation}_in1k').model.backbone)
    checkpoint = dense.pop('init_cfg')['checkpoint']
    assert checkpoint == f'work_dirs/gmf_t_{ablation}_in1k/epoch_300.pth'
    assert dense.pop('norm_cfg')['type'] == classifier.pop('norm_cfg')['type'] == 'SyncBN'
    assert list(classifier.pop('out_indices')) == [3] and classifier.pop('final_norm')
    assert dense == classifier


@pytest.mark.parametrize(
    'name, millions, blocks',
    # Swin-T has 28.3 million parameters (arXiv 2103.14030, Table 7), PVT-Small 24.5
    # (arXiv 2102.12122, Table 2). Each attention has 3 pointwise C/4 x C/4 and 83 C/4
    # depthwise weights more, and two per channel of the norms.
    [
        ('swin_t_aggregators_in1k', 28.3, {96: 2, 192: 2, 384: 6, 768: 2}),
        ('pvt_small_aggregators_in1k', 24.5, {64: 3, 128: 4, 320: 6, 512: 3}),
    ],
)
def test_aggregators_are_added_to_every_attention(name, millions, blocks):
    model = build(read(f'ablations/{name}'))
    added = sum(
        count * (3 * (dim // 4) ** 2 + (9 + 25 + 49) * (dim // 4) + 2 * dim)
        for dim, count in blocks.items()
    )
    total = sum(p.numel() for p in model.parameters())
    assert total - added == pytest.approx(millions * 1e6, rel=2e-3)
    norms = read(f'ablations/{name}').model.backbone.aggregators.norm_cfg
    assert norms.type == 'SyncBN'
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        assert model.eval()(image).shape == (1, 1000)
