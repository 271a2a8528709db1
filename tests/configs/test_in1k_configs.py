"""The ImageNet configs have the paper's recipe and sizes, and their parts fit."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from .experiments import build, find_unused_parameters, num_parameters, read

POOLFORMER = [f'poolformer_{arch}_in1k' for arch in ('s12', 's24', 's36', 'm36', 'm48')]
COVERED = POOLFORMER
# In millions, from the published files. arXiv 2111.11418, Table 1, does not count the
# vectors of layer scale.
PARAMETERS = dict(zip(POOLFORMER, (11.9, 21.4, 30.9, 56.2, 73.5)))
TABLE_1 = dict(zip(POOLFORMER, (11.9, 21.4, 30.8, 56.1, 73.4)))


def find_resize(loader):
    (step,) = (s for s in loader.dataset.pipeline if s.type == 'ResizeEdge')
    return step


@pytest.mark.parametrize('name', POOLFORMER)
def test_the_model_has_the_published_size_and_that_of_the_paper_without_layer_scale(name):
    cfg = read(name)
    assert round(num_parameters(cfg) / 1e6, 1) == PARAMETERS[name]
    cfg.model.backbone.layer_scale = 0
    assert round(num_parameters(cfg) / 1e6, 1) == TABLE_1[name]


@pytest.mark.parametrize('name', POOLFORMER)
def test_it_predicts_1000_classes_and_all_parameters_receive_a_gradient(name):
    model = build(read(name))
    logits = model(torch.randn(2, 3, 64, 64), mode='tensor')
    assert logits.shape == (2, 1000)
    assert not find_unused_parameters(model, [logits])


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_the_backbone_is_the_one_in_the_name_and_starts_from_random_weights(name):
    backbone = read(name).model.backbone
    assert (backbone.type, backbone.arch) == ('mmgroupmix.PoolFormer', name.split('_')[1])
    assert not backbone.get('init_cfg')


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_the_schedule_is_300_epochs_of_adamw_and_10_of_cool_down(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-3, 0.05)
    assert 'clip_grad' not in cfg.optim_wrapper
    # train.py of the published code: --epochs 300 --cooldown-epochs 10
    assert cfg.train_cfg.max_epochs == 310
    warm_up, decay = cfg.param_scheduler
    assert (warm_up.type, warm_up.by_epoch, warm_up.end) == ('LinearLR', True, 5)
    assert warm_up.start_factor * optimizer.lr == pytest.approx(1e-6)
    assert (decay.type, decay.begin, decay.end) == ('CosineAnnealingLR', 5, 300)
    assert cfg.train_dataloader.batch_size * 8 == 1024
    assert cfg.auto_scale_lr.base_batch_size == 1024


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_the_augmentation_is_that_of_deit(name):
    cfg = read(name)
    steps = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
    assert [*steps] == [
        'LoadImageFromFile',
        'RandomResizedCrop',
        'RandomFlip',
        'RandAugment',
        'RandomErasing',
        'PackInputs',
    ]
    crop = steps['RandomResizedCrop']
    assert (crop.scale, crop.interpolation) == (224, 'bicubic')
    augment = steps['RandAugment']
    assert (
        augment.policies,
        augment.num_policies,
        augment.magnitude_level,
        augment.magnitude_std,
    ) == ('timm_increasing', 2, 9, 0.5)
    assert steps['RandomErasing'].erase_prob == 0.25
    assert cfg.model.train_cfg.augments == [
        dict(type='Mixup', alpha=0.8),
        dict(type='CutMix', alpha=1.0),
    ]
    loss = cfg.model.head.loss
    assert (loss.type, loss.label_smooth_val, loss.mode) == (
        'LabelSmoothLoss',
        0.1,
        'original',
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_small_models_are_tested_on_crops_of_90_percent_and_others_of_95(name):
    cfg = read(name)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        resize = find_resize(loader)
        assert (resize.scale, resize.edge, resize.interpolation) == (
            236 if '_m' in name else 248,
            'short',
            'bicubic',
        )
        assert dict(type='CenterCrop', crop_size=224) in loader.dataset.pipeline


@pytest.mark.smoke
@pytest.mark.parametrize('name', POOLFORMER)
def test_the_data_are_in_mmpretrains_folder_layout(name):
    cfg = read(name)
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        data = loader.dataset
        assert (data.type, data.data_root, data.split) == (
            'ImageNet',
            'data/imagenet',
            split,
        )


def test_only_matrices_have_weight_decay():
    cfg = read(POOLFORMER[0])
    model = build(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    flat = (
        'bias',
        'norm1.weight',
        'norm2.weight',
        'final_norm.weight',
        'layer_scale1',
        'layer_scale2',
    )
    for key, parameter in model.named_parameters():
        assert decay[id(parameter)] == (0 if key.endswith(flat) else 0.05), key
