"""The COCO configs have the papers' recipes and sizes, and their parts fit together."""

import pytest
import torch
from mmcv.cnn.bricks import DropPath
from mmengine.optim import build_optim_wrapper

from .experiments import (
    build,
    find_groupmixformer_weights,
    find_unused_parameters,
    num_parameters,
    read,
)

POOLFORMER = [
    f'{method}_poolformer_{arch}_coco'
    for method in ('retinanet', 'mask_rcnn')
    for arch in ('s12', 's24', 's36')
]
GMF_3X = [
    f'{method}_gmf_{arch}_coco'
    for method in ('retinanet', 'mask_rcnn')
    for arch in 'mtsbl'
]
GMF_1X = 'ablations/mask_rcnn_gmf_t_1x_coco'
GMF = [*GMF_3X, GMF_1X]
NAMES = [*POOLFORMER, *GMF]
COVERED = [name.rpartition('/')[2] for name in NAMES]
# In millions, from arXiv 2111.11418, Table 3, and arXiv 2311.15157, object detection.
PARAMETERS = dict(zip(POOLFORMER, (21.7, 31.1, 40.6, 31.6, 41.0, 50.5))) | dict(
    retinanet_gmf_t_coco=20.2, mask_rcnn_gmf_t_coco=30.8
)
RELEASE = 'https://github.com/sail-sg/poolformer/releases/download/v1.0'


@pytest.mark.parametrize('name', PARAMETERS)
def test_the_model_has_the_size_that_the_paper_states(name):
    assert round(num_parameters(read(name)) / 1e6, 1) == PARAMETERS[name]


def predicts_masks(name):
    return 'mask_rcnn' in name


@pytest.mark.parametrize('name', NAMES)
def test_the_neck_returns_five_maps_that_depend_on_all_parameters(name):
    model = build(read(name))
    maps = model.extract_feat(torch.randn(1, 3, 64, 96))
    strides = [8, 16, 32, 64, 128] if 'retinanet' in name else [4, 8, 16, 32, 64]
    assert [tuple(x.shape[1:]) for x in maps] == [
        (256, -(-64 // stride), -(-96 // stride)) for stride in strides
    ]
    heads = ('bbox_head', 'rpn_head', 'roi_head')
    assert not [
        key for key in find_unused_parameters(model, maps) if not key.startswith(heads)
    ]


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_poolformer_starts_from_its_published_weights(name):
    backbone = read(name).model.backbone
    arch = name.split('_')[-2]
    assert (backbone.type, backbone.arch) == ('mmgroupmix.PoolFormer', arch)
    assert backbone.init_cfg == dict(
        type='Pretrained', checkpoint=f'{RELEASE}/poolformer_{arch}.pth.tar'
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', GMF)
def test_groupmixformer_starts_from_its_published_weights(name):
    backbone = read(name).model.backbone
    letter = name.split('_gmf_')[1][0]
    assert (backbone.type, backbone.arch) == ('mmgroupmix.GroupMixFormer', letter)
    assert backbone.init_cfg == dict(
        type='Pretrained', checkpoint=find_groupmixformer_weights(letter)
    )
    # Two images per device are too few for batch statistics.
    assert backbone.norm_cfg.type == 'SyncBN'


def test_poolformer_has_no_stochastic_depth_as_in_the_published_detectors():
    for name in (POOLFORMER[0], POOLFORMER[-1]):
        blocks = [
            m for m in build(read(name), 'meta').modules() if isinstance(m, DropPath)
        ]
        assert {block.drop_prob for block in blocks} == {0}


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_poolformer_has_mmdetections_1x_schedule_with_adamw(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.weight_decay) == ('AdamW', 1e-4)
    assert optimizer.lr == (2e-4 if predicts_masks(name) else 1e-4)
    assert 'clip_grad' not in cfg.optim_wrapper
    check_schedule(cfg, max_epochs=12, milestones=[8, 11])


def check_schedule(cfg, max_epochs, milestones):
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (max_epochs, 1)
    warm_up, decay = cfg.param_scheduler
    assert (warm_up.type, warm_up.start_factor, warm_up.by_epoch, warm_up.end) == (
        'LinearLR',
        0.001,
        False,
        500,
    )
    assert (decay.type, decay.milestones, decay.gamma, decay.by_epoch, decay.end) == (
        'MultiStepLR',
        milestones,
        0.1,
        True,
        max_epochs,
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', GMF)
def test_groupmixformer_has_the_schedule_of_the_paper(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr) == ('AdamW', 1e-4)
    assert optimizer.weight_decay == (0.05 if predicts_masks(name) else 1e-4)
    if name == GMF_1X:
        check_schedule(cfg, max_epochs=12, milestones=[8, 11])
    else:
        check_schedule(cfg, max_epochs=36, milestones=[24, 33])


@pytest.mark.parametrize('name', ['retinanet_gmf_t_coco', 'mask_rcnn_gmf_t_coco', GMF_1X])
def test_norms_and_biases_have_no_weight_decay_but_convolutions_of_positions_do(name):
    cfg = read(name)
    model = build(cfg, 'meta')
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    decay = {
        names[id(p)]: group['weight_decay'] for group in groups for p in group['params']
    }
    assert decay.keys() == set(names.values())
    # optimizer.py of the published code exempts these: biases and parameters of norms.
    free = {key for key, parameter in model.named_parameters() if parameter.ndim == 1}
    assert {key for key, value in decay.items() if value == 0} == free
    others = decay.keys() - free
    assert 'backbone.stages.0.blocks.0.position_encoding.conv.weight' in others
    assert any('token_mixer' in key and 'position.convs' in key for key in others)
    assert {decay[key] for key in others} == {cfg.optim_wrapper.optimizer.weight_decay}


@pytest.mark.smoke
@pytest.mark.parametrize('name', NAMES)
def test_the_data_are_in_mmdetections_folder_layout_at_1333x800(name):
    cfg = read(name)
    for loader, split in (
        (cfg.train_dataloader, 'train'),
        (cfg.val_dataloader, 'val'),
        (cfg.test_dataloader, 'val'),
    ):
        data = loader.dataset
        assert (data.type, data.data_root) == ('CocoDataset', 'data/coco/')
        assert data.ann_file == f'annotations/instances_{split}2017.json'
        assert data.data_prefix == dict(img=f'{split}2017/')
        (resize,) = (step for step in data.pipeline if 'Resize' in step.type)
        if name in GMF_3X and split == 'train':
            assert resize == dict(
                type='RandomChoiceResize',
                keep_ratio=True,
                scales=[(1333, short) for short in range(480, 801, 32)],
            )
        else:
            assert resize == dict(type='Resize', scale=(1333, 800), keep_ratio=True)
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16
    assert dict(type='RandomFlip', prob=0.5) in cfg.train_dataloader.dataset.pipeline


@pytest.mark.smoke
@pytest.mark.parametrize('name', NAMES)
def test_masks_are_loaded_and_evaluated_if_they_are_predicted(name):
    cfg = read(name)
    masks = predicts_masks(name)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        (step,) = (s for s in loader.dataset.pipeline if s.type == 'LoadAnnotations')
        assert step.get('with_mask', False) == masks
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert evaluator.metric == (['bbox', 'segm'] if masks else 'bbox')
