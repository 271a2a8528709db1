"""Parts of a demo and of a run: evaluators, short warm-ups, wrapped datasets."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.apis.demo.data import check_supported
from mmgroupmix.apis.demo.schedule import shorten, shorten_training
from mmgroupmix.apis.demo.sizes import supports_size
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION
from mmgroupmix.apis.unreadable_files import report_unreadable_files
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    'roi_head, expected',
    [
        (dict(bbox_head=dict(num_classes=80)), ['bbox']),
        (dict(bbox_head=dict(num_classes=80), mask_head={}), ['bbox', 'segm']),
    ],
)
def test_a_demo_evaluates_masks_where_the_detector_predicts_them(roi_head, expected):
    cfg = Config(dict(model=dict(roi_head=roi_head)))
    given = [dict(type='CocoMetric', ann_file='real.json')]
    metric = DETECTION.mini_evaluators(given, cfg, Path('mini'))
    assert metric['metric'] == expected
    assert metric['ann_file'] == 'mini/annotations/instances_val2017.json'


@pytest.mark.parametrize('name', ['VOCMultiLabelMetric', 'VOCAveragePrecision'])
def test_metrics_of_difficult_labels_are_replaced_by_those_that_they_extend(name):
    from mmpretrain.registry import METRICS
    from mmpretrain.structures import DataSample

    cfg = Config(dict(model=dict(head=dict(num_classes=3))))
    given = [dict(type=name, difficult_as_positive=False, average='macro')]
    (evaluator,) = CLASSIFICATION.mini_evaluators(given, cfg, Path('mini'))
    metric = METRICS.build(evaluator)
    sample = DataSample().set_gt_label(1).set_pred_score([0.1, 0.8, 0.1])
    metric.process(None, [sample.to_dict()])
    assert metric.evaluate(size=1)


def test_a_warm_up_that_shrinks_below_one_epoch_keeps_one():
    cfg = Config(
        dict(
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1000),
            param_scheduler=[
                dict(type='LinearLR', by_epoch=True, begin=0, end=5),
                dict(type='CosineAnnealingLR', begin=5, end=1000),
            ],
        )
    )
    shorten(cfg, planned=1000, length=10, epoch_length=25)
    warm_up, cosine = cfg.param_scheduler
    assert (warm_up.begin, warm_up.end) == (0, 1)
    assert (cosine.begin, cosine.end) == (1, 10)


@pytest.mark.parametrize(
    'average, momentum',
    [
        (dict(type='EMAHook', momentum=4e-5), 1 / 25),
        (dict(type='EMAHook', momentum=0.5), 0.5),
        (dict(type='EMAHook', momentum=4e-5, ema_type='ExpMomentumEMA'), 4e-5),
    ],
)
def test_a_moving_average_extends_over_a_tenth_of_the_demo(average, momentum):
    cfg = Config(
        dict(
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1000),
            default_hooks=dict(ema=average, logger=None),
        )
    )
    shorten(cfg, planned=1000, length=10, epoch_length=25)
    assert cfg.default_hooks.ema.momentum == momentum


def test_a_demo_of_a_training_without_data_is_refused():
    cfg = Config(dict(train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=10)))
    with pytest.raises(UserError, match='no train_dataloader'):
        shorten_training(cfg, DETECTION, 10, {})


def test_what_a_backbone_translates_is_logged_by_the_run_alone():
    backbone = dict(type='mmgroupmix.PoolFormer', arch='s12', in_pad=2, out_indices=(6,))
    cfg = Config(dict(model=dict(type='ImageClassifier', backbone=backbone)))
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_instance('demo-parts')
    logger.addHandler(handler)
    assert supports_size(cfg, CLASSIFICATION, 32, 64)
    assert not any('in_pad=2' in line for line in lines)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        MODELS.build(cfg.model)
    assert sum('in_pad=2' in line for line in lines) == 1


class LoadBrokenImage:
    def __call__(self, data):
        raise OSError('broken')


def test_datasets_inside_wrappers_report_the_file_that_they_cannot_read():
    leaf = SimpleNamespace(pipeline=Compose([LoadBrokenImage()]))
    wrapped = SimpleNamespace(dataset=SimpleNamespace(datasets=[leaf]))
    runner = SimpleNamespace(build_dataloader=lambda _: SimpleNamespace(dataset=wrapped))
    report_unreadable_files(runner)
    runner.build_dataloader({})
    with pytest.raises(UserError, match='the image a.jpg .LoadBrokenImage: broken'):
        leaf.pipeline(dict(img_path='a.jpg'))


@pytest.mark.parametrize(
    'kind', ['ImageToImageRetriever', 'BlipCaption', 'mmpretrain.Flamingo']
)
def test_models_of_pairs_and_texts_have_no_mini_data(kind):
    cfg = Config(dict(default_scope='mmpretrain', model=dict(type=kind)))
    with pytest.raises(
        UserError, match=r'--demo has no mini data for model \(\w+\).*ima'
    ):
        check_supported(cfg, '--demo')


@pytest.mark.parametrize('kind', ['ImageClassifier', 'MAE', 'CLIPZeroShot', 'NotKnown'])
def test_models_that_learn_from_single_images_have_mini_data(kind):
    check_supported(Config(dict(default_scope='mmpretrain', model=dict(type=kind))), '-')
