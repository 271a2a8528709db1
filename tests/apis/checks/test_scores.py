"""Scores that hooks follow are scores that the metrics compute."""

import re

import pytest
from mmengine.config import Config

from mmgroupmix.apis.checks.scores import check_score_names, find_score_pattern
from mmgroupmix.apis.config.mistakes import MistakeReport

from ...compat.test_coco_categories import CLASSES, predict, write

pytestmark = pytest.mark.smoke


def find_errors(metric, **hooks):
    report = MistakeReport()
    check_score_names(Config(dict(val_evaluator=metric, default_hooks=hooks)), report)
    return report.errors


@pytest.mark.parametrize(
    'metric, name, known',
    [
        (dict(type='IoUMetric'), 'mIoU', True),
        (dict(type='IoUMetric', iou_metrics=['mDice']), 'mIoU', False),
        (dict(type='IoUMetric', prefix='val'), 'val/mIoU', True),
        (dict(type='CocoMetric', metric=['bbox', 'segm']), 'coco/segm_mAP_50', True),
        (dict(type='CocoMetric'), 'coco/segm_mAP', False),
        (dict(type='CocoMetric'), 'bbox_mAP', False),
        (dict(type='mmpretrain.Accuracy', topk=(1, 3)), 'accuracy/top3', True),
        (dict(type='Accuracy'), 'accuracy/top5', False),
        (dict(type='MyMetric'), 'anything', True),
    ],
)
def test_a_score_that_no_metric_computes_is_refused(metric, name, known):
    errors = find_errors(metric, checkpoint=dict(save_best=name), none=None)
    assert (not errors) == known
    stop = dict(type='EarlyStoppingHook', monitor=name)
    assert find_errors(metric, stop=stop) == [
        error.replace('checkpoint.save_best', 'stop.monitor') for error in errors
    ]
    assert not find_errors(metric, checkpoint=dict(save_best='auto'))


def test_every_score_of_mmdets_metric_is_known(tmp_path):
    from mmdet.evaluation import CocoMetric

    path = write(tmp_path / 'val.json', CLASSES, (1, 2, 3))
    metric = CocoMetric(ann_file=path, metric=['bbox', 'proposal'], classwise=True)
    scores = predict(metric, {name: name for name in CLASSES})
    config = dict(type='CocoMetric', metric=['bbox', 'proposal'])
    pattern = find_score_pattern(config)
    assert len(scores) > 9
    assert [name for name in scores if not re.fullmatch(pattern, name)] == []
