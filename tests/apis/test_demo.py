"""What --demo changes in a config, and that it changes nothing else."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.demo import transform
from mmgroupmix.apis.demo.schedule import (
    planned_length,
    rescale_learning_rate,
    shorten,
)
from mmgroupmix.apis.tasks import DETECTION, SEGMENTATION, infer_task
from mmgroupmix.errors import UserError

from ..commands import REPOSITORY, shipped_config


def to_demo(cfg, options=None):
    """Turn a config into its demo as the commands do; returns the paragraph."""
    planned = planned_length(cfg)
    cfg.merge_from_dict(options or {})
    return transform.to_demo(cfg, infer_task(cfg), planned, options)


def without(model, *dropped):
    """The model's config without keys at any depth; a pretrained start is one."""
    if isinstance(model, dict):
        return {
            key: without(value, *dropped)
            for key, value in model.items()
            if key not in dropped
        }
    if isinstance(model, (list, tuple)):
        return [without(value, *dropped) for value in model]
    return model


@pytest.mark.parametrize(
    'name',
    [
        'mmseg/fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py',
        'mmseg/upernet/upernet_r18_4xb4-20k_voc12aug-512x512.py',
        'mmdet/retinanet/retinanet_r50_fpn_1x_coco.py',
        'mmdet/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
        'mmdet/yolox/yolox_s_8xb8-300e_coco.py',
        'mmdet/pascal_voc/retinanet_r50_fpn_1x_voc0712.py',
        'mmpretrain/resnet/resnet50_8xb32_in1k.py',
        'mmpretrain/resnet/resnet18_8xb16_cifar10.py',
    ],
)
def test_the_model_keeps_everything_but_pretrained_weights_and_sizes(name, in_workspace):
    file = shipped_config(name)
    before = Config.fromfile(file)
    cfg = Config.fromfile(file)
    to_demo(cfg)
    # 'num' is that of a sampler of regions.
    changed = ('init_cfg', 'pretrained', 'data_preprocessor', 'num')
    assert without(cfg.model, *changed) == without(before.model, *changed)
    old_steps, new_steps = (
        [step['type'] for step in _leaf(c.train_dataloader.dataset).pipeline]
        for c in (before, cfg)
    )
    assert new_steps[-len(old_steps) :] == old_steps
    assert cfg.optim_wrapper.optimizer.type == before.optim_wrapper.optimizer.type
    assert cfg.optim_wrapper.get('paramwise_cfg') == before.optim_wrapper.get(
        'paramwise_cfg'
    )


def _leaf(dataset):
    while 'dataset' in dataset or 'datasets' in dataset:
        dataset = dataset['dataset'] if 'dataset' in dataset else dataset['datasets'][0]
    return dataset


def test_a_model_that_requires_one_image_size_keeps_it(in_workspace):
    cfg = Config.fromfile(
        shipped_config('mmpretrain/mlp_mixer/mlp-mixer-base-p16_64xb64_in1k.py')
    )
    paragraph = to_demo(cfg)
    crop = next(
        step
        for step in cfg.train_dataloader.dataset.pipeline
        if 'RandomResizedCrop' in step['type']
    )
    assert crop['scale'] == 224
    assert 'works at 224 px only' in paragraph


def test_slide_inference_and_padding_shrink_with_the_crop(in_workspace):
    cfg = Config.fromfile(
        shipped_config('mmseg/fcn/fcn_r50-d8_4xb2-40k_cityscapes-769x769.py')
    )
    to_demo(cfg)
    assert cfg.model.test_cfg.crop_size == (64, 64)
    # 513 of 769 pixels: two thirds of the window, as before.
    assert cfg.model.test_cfg.stride == (43, 43)
    assert tuple(cfg.model.data_preprocessor.size) == (64, 64)


def test_the_command_line_takes_precedence_over_the_demo(in_workspace):
    cfg = Config.fromfile(shipped_config('mmpretrain/resnet/resnet18_8xb32_in1k.py'))
    to_demo(
        cfg,
        {
            'train_cfg.max_epochs': 3,
            'train_dataloader.batch_size': 5,
            'optim_wrapper.optimizer.lr': 0.3,
        },
    )
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.train_dataloader.batch_size == 5
    assert cfg.optim_wrapper.optimizer.lr == 0.3
    # Of 100 epochs, 30, 60 and 90; of 3, the same shares.
    assert cfg.param_scheduler.milestones == [1, 2, 3]


def test_an_existing_pretrained_file_is_used(in_workspace, tmp_path):
    file = tmp_path / 'weights.pth'
    file.write_bytes(b'weights')
    cfg = Config.fromfile(shipped_config('mmpretrain/resnet/resnet18_8xb32_in1k.py'))
    start = dict(type='Pretrained', checkpoint=str(file))
    to_demo(cfg, {'model.backbone.init_cfg': start, 'load_from': 'absent.pth'})
    assert cfg.model.backbone.init_cfg == start


def test_a_config_that_needs_other_annotations_is_refused(in_workspace):
    cfg = Config.fromfile(
        shipped_config('mmdet/panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco.py')
    )
    with pytest.raises(UserError, match='LoadPanopticAnnotations'):
        to_demo(cfg)


@pytest.mark.smoke
def test_a_config_of_an_unknown_task_is_refused():
    cfg = Config(
        dict(model=dict(type='Mystery'), train_cfg=dict(by_epoch=True, max_epochs=1))
    )
    with pytest.raises(UserError, match='default_scope'):
        to_demo(cfg)


@pytest.mark.smoke
def test_consecutive_phases_of_a_schedule_stay_consecutive():
    cfg = Config(
        dict(
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=300),
            param_scheduler=[
                dict(type='LinearLR', by_epoch=True, begin=0, end=20),
                dict(type='CosineAnnealingLR', begin=20, end=300, T_max=280),
            ],
        )
    )
    shorten(cfg, planned=300, length=10, epoch_length=25)
    warm_up, cosine = cfg.param_scheduler
    assert (warm_up.begin, warm_up.end) == (0, 1)
    assert (cosine.begin, cosine.end, cosine.T_max) == (1, 10, 9)


@pytest.mark.smoke
def test_only_low_learning_rates_of_adaptive_optimizers_are_raised():
    rates = {}
    for optimizer, lr in (('AdamW', 6e-5), ('AdamW', 4e-3), ('SGD', 0.01)):
        cfg = Config(dict(optim_wrapper=dict(optimizer=dict(type=optimizer, lr=lr))))
        rescale_learning_rate(cfg, SEGMENTATION)
        rates[optimizer, lr] = cfg.optim_wrapper.optimizer.lr
    assert rates == {('AdamW', 6e-5): 1e-3, ('AdamW', 4e-3): 4e-3, ('SGD', 0.01): 0.01}


@pytest.mark.smoke
@pytest.mark.parametrize(
    'optimizer, lr, given, expected',
    [
        ('AdamW', 1e-4, None, dict(max_norm=1.0)),
        ('AdamW', 1e-4, dict(max_norm=0.01), dict(max_norm=0.01)),
        ('AdamW', 1e-3, None, None),
        ('SGD', 1e-4, None, None),
    ],
)
def test_a_detectors_gradients_are_clipped_at_a_raised_learning_rate(
    optimizer, lr, given, expected
):
    wrapper = dict(optimizer=dict(type=optimizer, lr=lr), clip_grad=given)
    cfg = Config(dict(optim_wrapper=wrapper))
    changes = rescale_learning_rate(cfg, DETECTION)
    assert cfg.optim_wrapper.get('clip_grad') == expected
    assert ('clipped at 1' in changes) == (given != expected)


@pytest.mark.smoke
@pytest.mark.parametrize('epochs', [1, 2, 5])
def test_every_phase_of_a_schedule_begins_before_the_run_ends(epochs):
    cfg = Config.fromfile(
        shipped_config('mmpretrain/swin_transformer/swin-tiny_16xb64_in1k.py')
    )
    cfg.optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
    shorten(cfg, 300, epochs, 10)
    for phase in cfg.param_scheduler:
        assert phase.get('begin', 0) < min(phase.get('end', epochs), epochs)


def test_the_paragraph_mentions_changes_that_are_easy_to_overlook(in_workspace):
    cfg = Config.fromfile(shipped_config('mmdet/retinanet/retinanet_r18_fpn_1x_coco.py'))
    cfg.optim_wrapper.accumulative_counts = 4
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=3, dataset=cfg.train_dataloader.dataset
    )
    paragraph = to_demo(cfg)
    assert 'accumulative_counts' not in cfg.optim_wrapper
    assert cfg.train_dataloader.dataset.times == 1
    for part in (
        'no longer accumulated',
        'repeated dataset used once',
        'without workers',
        'checkpoints fit the length',
    ):
        assert part in paragraph


def test_a_test_set_without_public_labels_loads_those_of_the_mini_data(in_workspace):
    cfg = Config.fromfile(REPOSITORY / 'configs' / 'eanet_r101_voc_trainval.py')
    assert cfg.test_evaluator.format_only
    to_demo(cfg)
    steps = [step['type'] for step in cfg.test_dataloader.dataset.pipeline]
    assert steps[-2:] == ['LoadAnnotations', 'PackSegInputs']
    *_, labels, pack = cfg.tta_pipeline[-1]['transforms']
    assert (labels[0]['type'], pack[0]['type']) == ('LoadAnnotations', 'PackSegInputs')
    assert not cfg.test_evaluator[0].get('format_only')


def test_a_disabled_hook_stays_disabled(in_workspace):
    cfg = Config.fromfile(REPOSITORY / 'configs' / 'poolformer_s12_in1k.py')
    to_demo(cfg, {'default_hooks.checkpoint': None})
    assert cfg.default_hooks.checkpoint is None


def test_a_second_stage_learns_from_fewer_regions_and_the_paragraph_says_so(in_workspace):
    cfg = Config.fromfile(
        shipped_config('mmdet/cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py')
    )
    paragraph = to_demo(cfg)
    assert [stage.sampler.num for stage in cfg.model.train_cfg.rcnn] == [64, 64, 64]
    assert cfg.model.train_cfg.rpn.sampler.num == 256
    assert 'regions: 512 per image -> 64' in paragraph
