"""The COCO configs: the papers' recipes and sizes, on models whose parts fit."""

import pytest
import torch
from mmcv.cnn.bricks import DropPath

from .conftest import build, num_parameters, read, without_gradient

RETINANET = [f'retinanet_poolformer_{arch}_coco' for arch in ('s12', 's24', 's36')]
MASK_RCNN = [f'mask_rcnn_poolformer_{arch}_coco' for arch in ('s12', 's24', 's36')]
# arXiv 2111.11418, Table 3, in millions.
PARAMETERS = dict(zip(RETINANET + MASK_RCNN, (21.7, 31.1, 40.6, 31.6, 41.0, 50.5)))
COVERED = PARAMETERS
RELEASE = 'https://github.com/sail-sg/poolformer/releases/download/v1.0'


@pytest.mark.parametrize('name', PARAMETERS)
def test_the_model_has_the_size_that_the_paper_states(name):
    assert round(num_parameters(read(name)) / 1e6, 1) == PARAMETERS[name]


@pytest.mark.parametrize('name', PARAMETERS)
def test_the_neck_gives_five_maps_and_leaves_no_parameter_without_gradient(name):
    model = build(read(name))
    maps = model.extract_feat(torch.randn(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (256, -(-64 // stride), -(-96 // stride))
        for stride in ((8, 16, 32, 64, 128) if name in RETINANET else (4, 8, 16, 32, 64))]
    heads = ('bbox_head', 'rpn_head', 'roi_head')
    assert not [key for key in without_gradient(model, maps) if not key.startswith(heads)]


@pytest.mark.smoke
@pytest.mark.parametrize('name', PARAMETERS)
def test_the_backbone_starts_from_its_published_weights(name):
    backbone = read(name).model.backbone
    arch = name.split('_')[-2]
    assert (backbone.type, backbone.arch) == ('mmgroupmix.PoolFormer', arch)
    assert backbone.init_cfg == dict(
        type='Pretrained', checkpoint=f'{RELEASE}/poolformer_{arch}.pth.tar')


def test_nothing_is_dropped_at_random_as_in_the_published_detectors():
    for name in (RETINANET[0], MASK_RCNN[0]):
        blocks = [m for m in build(read(name), 'meta').modules()
                  if isinstance(m, DropPath)]
        assert {block.drop_prob for block in blocks} == {0}


@pytest.mark.smoke
@pytest.mark.parametrize('name', PARAMETERS)
def test_the_schedule_is_mmdetections_1x_with_adamw(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.weight_decay) == ('AdamW', 1e-4)
    assert optimizer.lr == (1e-4 if name in RETINANET else 2e-4)
    assert 'clip_grad' not in cfg.optim_wrapper
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (12, 1)
    warm_up, decay = cfg.param_scheduler
    assert (warm_up.type, warm_up.start_factor, warm_up.by_epoch, warm_up.end) == (
        'LinearLR', 0.001, False, 500)
    assert (decay.type, decay.milestones, decay.gamma, decay.by_epoch) == (
        'MultiStepLR', [8, 11], 0.1, True)


@pytest.mark.smoke
@pytest.mark.parametrize('name', PARAMETERS)
def test_data_is_where_mmdetection_lays_it_out_at_1333_by_800(name):
    cfg = read(name)
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val'),
                          (cfg.test_dataloader, 'val')):
        data = loader.dataset
        assert (data.type, data.data_root) == ('CocoDataset', 'data/coco/')
        assert data.ann_file == f'annotations/instances_{split}2017.json'
        assert data.data_prefix == dict(img=f'{split}2017/')
        resizes = [step for step in data.pipeline if 'Resize' in step.type]
        assert resizes == [dict(type='Resize', scale=(1333, 800), keep_ratio=True)]
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16
    assert dict(type='RandomFlip', prob=0.5) in cfg.train_dataloader.dataset.pipeline


@pytest.mark.smoke
@pytest.mark.parametrize('name', PARAMETERS)
def test_masks_are_loaded_and_measured_where_they_are_predicted(name):
    cfg = read(name)
    masks = name in MASK_RCNN
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        step, = (s for s in loader.dataset.pipeline if s.type == 'LoadAnnotations')
        assert step.get('with_mask', False) == masks
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert evaluator.metric == (['bbox', 'segm'] if masks else 'bbox')
