"""The ADE20K configs have the papers' recipes and sizes, and their parts fit together."""

import pytest
import torch
from mmcv.cnn.bricks import DropPath

from .experiments import (
    build,
    find_groupmixformer_weights,
    find_unused_parameters,
    num_parameters,
    read,
)

UPERNET = [f'upernet_gmf_{arch}_ade20k' for arch in 'mtsbl']
SEM_FPN = [f'sem_fpn_gmf_{arch}_ade20k' for arch in 'mtsbl']
GMF = UPERNET + SEM_FPN
# In millions, from arXiv 2111.11418, Table 4, except for S24, where 23.2 is a misprint:
# S24 has 12 blocks more than S12 and 12 fewer than S36, so it lies halfway, at 25.1. The
# paper's own sizes with RetinaNet and Mask R-CNN do.
POOLFORMER = {
    f'sem_fpn_poolformer_{arch}_ade20k': parameters
    for arch, parameters in dict(s12=15.7, s24=25.1, s36=34.6, m36=59.8, m48=77.1).items()
}
COVERED = [*GMF, *POOLFORMER]
RELEASE = 'https://github.com/sail-sg/poolformer/releases/download/v1.0'


@pytest.mark.parametrize('name', COVERED)
def test_the_heads_fit_the_backbone_and_predict_150_classes(name):
    model = build(read(name)).eval()
    with torch.inference_mode():
        logits = model(torch.randn(1, 3, 64, 96))
    assert logits.shape[1] == 150


@pytest.mark.parametrize('name', POOLFORMER)
def test_the_model_has_the_size_that_the_paper_states(name):
    assert round(num_parameters(read(name)) / 1e6, 1) == POOLFORMER[name]


@pytest.mark.parametrize(
    'name', ['sem_fpn_gmf_t_ade20k', 'sem_fpn_poolformer_s12_ade20k']
)
def test_all_parameters_receive_a_gradient(name):
    model = build(read(name))
    assert not find_unused_parameters(model, [model(torch.randn(2, 3, 64, 64))])


@pytest.mark.smoke
@pytest.mark.parametrize('name', GMF)
def test_the_architecture_and_its_published_weights_are_those_in_the_name(name):
    backbone = read(name).model.backbone
    letter = name.split('_gmf_')[1][0]
    assert backbone.arch == letter
    assert backbone.init_cfg.checkpoint == find_groupmixformer_weights(letter)


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_poolformer_starts_from_its_published_weights(name):
    backbone = read(name).model.backbone
    arch = name.split('_')[3]
    assert (backbone.type, backbone.arch) == ('mmgroupmix.PoolFormer', arch)
    assert backbone.init_cfg == dict(
        type='Pretrained', checkpoint=f'{RELEASE}/poolformer_{arch}.pth.tar'
    )


def test_poolformer_has_no_stochastic_depth_as_in_the_published_segmentors():
    blocks = [
        m
        for m in build(read('sem_fpn_poolformer_s12_ade20k'), 'meta').modules()
        if isinstance(m, DropPath)
    ]
    assert {block.drop_prob for block in blocks} == {0}


@pytest.mark.smoke
@pytest.mark.parametrize('name', UPERNET)
def test_upernet_is_trained_as_with_swin(name):
    cfg = read(name)
    assert cfg.train_cfg.max_iters == 160_000
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 6e-5, 0.01)
    warm_up, decay = cfg.param_scheduler
    assert (warm_up.type, warm_up.end) == ('LinearLR', 1500)
    assert (decay.type, decay.power, decay.begin, decay.end) == (
        'PolyLR',
        1.0,
        1500,
        160_000,
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', SEM_FPN)
def test_semantic_fpn_is_trained_as_with_pvt(name):
    cfg = read(name)
    assert cfg.train_cfg.max_iters == 80_000
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-4, 1e-4)
    assert [(s.type, s.power, s.end) for s in cfg.param_scheduler] == [
        ('PolyLR', 0.9, 80_000)
    ]


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_semantic_fpn_with_poolformer_has_twice_the_batch_and_half_the_iterations(name):
    cfg = read(name)
    assert cfg.train_cfg.max_iters == 40_000
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 32
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 2e-4, 1e-4)
    assert [(s.type, s.power, s.end) for s in cfg.param_scheduler] == [
        ('PolyLR', 0.9, 40_000)
    ]


@pytest.mark.smoke
@pytest.mark.parametrize('name', GMF)
def test_groupmixformer_is_trained_at_batch_size_16(name):
    cfg = read(name)
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_the_data_are_in_mmsegmentations_folder_layout(name):
    cfg = read(name)
    for loader, split in (
        (cfg.train_dataloader, 'training'),
        (cfg.val_dataloader, 'validation'),
    ):
        data = loader.dataset
        assert data.type == 'ADE20KDataset'
        assert data.data_root == 'data/ade/ADEChallengeData2016'
        assert data.data_prefix == dict(
            img_path=f'images/{split}', seg_map_path=f'annotations/{split}'
        )
    assert cfg.model.data_preprocessor.size == (512, 512)


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['upernet_gmf_b_ade20k'])
def test_norms_have_no_weight_decay(name):
    from mmengine.optim import build_optim_wrapper

    cfg = read(name)
    cfg.model.backbone.arch = 'm'  # the same names, a smaller model
    cfg.model.decode_head.in_channels = [40, 80, 160, 160]
    cfg.model.auxiliary_head.in_channels = 160
    model = build(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    for key, parameter in model.backbone.named_parameters():
        assert decay[id(parameter)] == (0 if 'norm' in key else 0.01), key
