"""The ablations of external attention on VOC, each with one change to fcn_r50_ea_voc."""

import pytest

from .experiments import build, list_dilations, num_parameters, read

# What differs from fcn_r50_ea_voc, EA with 64 memories (arXiv 2105.02358, ablations).
STRIDE_8 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), multi_grid=(2, 8, 16))
R101 = dict(
    depth=101,
    init_cfg=dict(type='Pretrained', checkpoint='mmgroupmix://resnet101_encoding'),
)
ABLATIONS = dict(
    fcn_r50_voc=dict(decode_head=dict(attention=None)),
    fcn_r50_sa_softmax_voc=dict(decode_head=dict(attention='self', norm='softmax')),
    fcn_r50_sa_double_voc=dict(decode_head=dict(attention='self', norm='double')),
    fcn_r50_ea_s8_voc=dict(decode_head=dict(num_memories=8)),
    fcn_r50_ea_s32_voc=dict(decode_head=dict(num_memories=32)),
    fcn_r50_ea_s256_voc=dict(decode_head=dict(num_memories=256)),
    fcn_r50_ea_softmax_voc=dict(decode_head=dict(norm='softmax')),
    fcn_r50_ea_os8_voc=dict(backbone=STRIDE_8),
    fcn_r101_ea_voc=dict(backbone=R101),
)
COVERED = ['fcn_r50_ea_voc', *ABLATIONS]


@pytest.mark.smoke
def test_the_baseline_is_a_resnet_50_at_output_stride_16():
    cfg = read('ablations/fcn_r50_ea_voc')
    backbone = build(cfg, 'meta').backbone
    assert list_dilations(backbone.layer3) == [1] * 6
    assert list_dilations(backbone.layer4) == [1, 4, 8]
    assert [
        stage[0].conv2.stride[0]
        for stage in (backbone.layer2, backbone.layer3, backbone.layer4)
    ] == [2, 2, 1]
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == 30_000
    assert cfg.train_dataloader.batch_size * 4 == 12
    assert cfg.auto_scale_lr.base_batch_size == 12


@pytest.mark.smoke
@pytest.mark.parametrize('name', ABLATIONS)
def test_an_ablation_changes_only_what_its_name_states(name):
    cfg, baseline = read(f'ablations/{name}'), read('ablations/fcn_r50_ea_voc')
    expected = baseline.to_dict()
    for part, change in ABLATIONS[name].items():
        expected['model'][part].update(change)
    assert cfg.to_dict() == expected


@pytest.mark.smoke
def test_models_with_other_numbers_of_memories_differ_in_size_by_the_memories():
    sizes = {
        s: num_parameters(read(f'ablations/fcn_r50_ea_s{s}_voc')) for s in (8, 32, 256)
    }
    baseline = num_parameters(read('ablations/fcn_r50_ea_voc'))
    assert {s: size - baseline for s, size in sizes.items()} == {
        s: (s - 64) * 2 * 512 for s in sizes
    }
