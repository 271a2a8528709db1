"""Loaders, loops, loggers, batch norms and old configs, before a run."""

import importlib.util
from pathlib import Path

import pytest
from mmengine.config import Config

from mmgroupmix.apis.checks.loops import (
    check_batch_norm,
    check_loaders,
    check_loggers,
    check_loops,
    check_optimizer,
)
from mmgroupmix.apis.config.generation import check_generation, list_ignored_keys
from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.data_scan import DataScan
from mmgroupmix.engine.single_values import report_single_values
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def run(check, cfg, *arguments, **options):
    report = MistakeReport(**options)
    check(Config(cfg), *arguments, report)
    return report


@pytest.mark.parametrize('key', ['persistent_workers', 'prefetch_factor', 'timeout'])
def test_what_needs_workers_is_refused_without_any_as_pytorch_does(key):
    from torch.utils.data import DataLoader

    with pytest.raises(ValueError):
        DataLoader([1], num_workers=0, **{key: -1 if key == 'timeout' else 1})
    cfg = dict(train_dataloader={'num_workers': 0, key: 1})
    (error,) = run(check_loaders, cfg, ['train_dataloader']).errors
    assert f'--cfg-options train_dataloader.{key}=' in error
    cfg['train_dataloader']['num_workers'] = 1
    assert not run(check_loaders, cfg, ['train_dataloader', 'val_dataloader']).errors


@pytest.mark.parametrize(
    'optimizer, refused',
    [
        (dict(type='AdamW', lr=1e-3, betas=(0.9, 0.99)), False),
        (dict(type='SGD', lr=1e-3, betas=(0.9, 0.99)), True),
        (dict(type='SGD', lr=1e-3, momentum=0.9), False),
        (dict(type='Unknown', any=1), False),
    ],
)
def test_arguments_that_an_optimizer_does_not_have_are_named(optimizer, refused):
    report = run(check_optimizer, dict(optim_wrapper=dict(optimizer=optimizer)))
    assert bool(report.errors) == refused
    assert all('SGD has no argument betas' in error for error in report.errors)
    wrapper = dict(optimizer=optimizer, constructor='my.Constructor')
    assert not run(check_optimizer, dict(optim_wrapper=wrapper)).errors


def test_a_loop_with_a_part_missing_is_refused():
    cfg = dict(val_dataloader={}, val_cfg={}, val_evaluator=None)
    (error,) = run(check_loops, cfg, False).errors
    assert error.startswith(
        'val_evaluator is not set, but val_dataloader and val_cfg are.'
    )
    assert not run(check_loops, {}, False).errors
    assert 'optim_wrapper' in run(check_loops, {}, True).errors[0]


@pytest.mark.parametrize(
    'hooks',
    [
        dict(
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='auto'))
        ),
        dict(custom_hooks=[dict(type='EarlyStoppingHook')], default_hooks=dict(a=None)),
    ],
)
def test_hooks_that_wait_for_a_score_are_named_without_validation(hooks):
    cfg = dict(train_dataloader={}, train_cfg={}, optim_wrapper={}, **hooks)
    report = run(check_loops, cfg, True)
    assert not report.errors
    assert 'there is no validation' in report.warnings[0]
    assert not run(check_loops, cfg, True, skipped=['validation']).warnings


def test_loggers_that_are_not_installed_are_named(monkeypatch):
    backends = [dict(type='LocalVisBackend'), dict(type='mmengine.WandbVisBackend')]
    cfg = dict(visualizer=dict(type='Visualizer', vis_backends=backends))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    (error,) = run(check_loggers, cfg).errors
    assert 'WandbVisBackend needs wandb' in error and 'pip install wandb' in error
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    assert not run(check_loggers, cfg).errors


def repeat():
    return dict(type='RepeatDataset', times=2, dataset=dict(type='BaseSegDataset'))


def balance():
    return dict(type='ClassBalancedDataset', dataset=dict(type='BaseSegDataset'))


def norm_config(batch, head, **loader):
    return dict(
        train_cfg=dict(max_epochs=1),
        train_dataloader=dict(batch_size=batch, **dict(dict(dataset={}), **loader)),
        model=dict(decode_head=dict(norm_cfg=dict(type='BN'), **head)),
    )


@pytest.mark.parametrize(
    'cfg, refused',
    [
        (norm_config(1, dict(type='UPerHead')), True),
        (norm_config(1, dict(type='ASPPHead')), True),
        (norm_config(1, dict(type='UPerHead', pool_scales=(2, 3))), False),
        (norm_config(1, dict(type='FCNHead')), False),
        # Seven images in batches of two or three leave one.
        (norm_config(2, dict(type='PSPHead')), True),
        (norm_config(3, dict(type='PSPHead')), True),
        (norm_config(4, dict(type='PSPHead')), False),
        (norm_config(2, dict(type='PSPHead'), drop_last=True), False),
        # Fourteen images; a wrapper that chooses them may choose any number.
        (norm_config(2, dict(type='PSPHead'), dataset=repeat()), False),
        (norm_config(13, dict(type='PSPHead'), dataset=repeat()), True),
        (norm_config(3, dict(type='PSPHead'), dataset=balance()), False),
    ],
)
def test_a_norm_of_one_value_per_channel_is_known_before_the_first_step(cfg, refused):
    wrapper = '.dataset' * ('dataset' in cfg['train_dataloader']['dataset'])
    place = f'train_dataloader.dataset{wrapper}'
    row = DataScan(place, 'train', 'BaseSegDataset', 'labels', 'pixels', images=7)
    report = run(check_batch_norm, cfg, [row])
    assert bool(report.errors) == refused
    assert not refused or 'model.decode_head' in report.errors[0]


def test_a_norm_that_fails_all_the_same_is_explained():
    import torch

    with (
        pytest.raises(UserError, match='batch_size to 2 or more'),
        report_single_values(),
    ):
        torch.nn.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match='mine'), report_single_values():
        raise ValueError('mine')


OLD = dict(
    data=dict(samples_per_gpu=2, train=dict(type='CocoDataset')),
    optimizer=dict(type='AdamW'),
    lr_config=dict(policy='step'),
    runner=dict(type='EpochBasedRunner', max_epochs=12),
)


@pytest.mark.parametrize(
    'name, model, ours',
    [
        (
            'retinanet_poolformer_s12_fpn_1x_coco',
            dict(
                type='RetinaNet', backbone=dict(type='poolformer_s12_feat'), bbox_head={}
            ),
            'configs/retinanet_poolformer_s12_coco.py',
        ),
        (
            'mine',
            dict(type='MaskRCNN', backbone=dict(type='poolformer_s24_feat'), roi_head={}),
            'configs/mask_rcnn_poolformer_s24_coco.py',
        ),
        (
            'fpn_poolformer_m36_ade20k_40k',
            dict(
                type='EncoderDecoder',
                backbone=dict(type='poolformer_m36_feat'),
                decode_head=dict(type='FPNHead'),
            ),
            'configs/sem_fpn_poolformer_m36_ade20k.py',
        ),
        (
            'mine',
            dict(type='ImageClassifier', backbone=dict(type='PoolFormer', arch='s36')),
            'configs/poolformer_s36_in1k.py',
        ),
        ('mine', dict(type='ATSS', backbone=dict(type='ResNet'), bbox_head={}), None),
    ],
)
def test_a_config_of_the_2x_generation_is_refused_with_the_one_that_replaces_it(
    name, model, ours
):
    cfg = Config(dict(OLD, model=model), 'a text', f'/x/{name}.py')
    with pytest.raises(UserError, match='of the 2.x generation') as raised:
        check_generation(cfg)
    message = str(raised.value)
    assert 'lr_config -> param_scheduler' in message and 'runner -> train_cfg' in message
    assert (f'Use {ours}, which' in message) if ours else ('Use configs' not in message)
    assert ours is None or (Path(__file__).parents[3] / ours).is_file()


def test_a_config_of_today_may_have_variables_of_any_name():
    cfg = Config(dict(OLD, train_dataloader=dict(batch_size=2), model={}))
    check_generation(cfg)
    (word,) = list_ignored_keys(cfg)
    assert 'lr_config' in word and 'param_scheduler' in word
