"""What mmengine writes as JSON can be read by others."""

import json
from pkgutil import resolve_name

import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric
from mmengine import fileio
from mmengine.fileio import JsonHandler

import mmgroupmix.engine  # noqa: F401  registers the handler
from mmgroupmix.engine.hooks.curves import plot_curves, read_curves
from mmgroupmix.engine.json_handler import ValidJsonHandler

from .tiny_training import build_tiny_runner, tiny_config

NAN = float('nan')


def refuse(name):
    raise ValueError(f'{name} is not JSON')


@pytest.mark.smoke
@pytest.mark.parametrize(
    'value, expected',
    [
        (dict(loss=NAN, step=3), dict(loss=None, step=3)),
        ([1.5, -float('inf'), (2, NAN)], [1.5, None, [2, None]]),
        (
            dict(a=np.float32('nan'), b=np.array([1.0, np.inf])),
            dict(a=None, b=[1.0, None]),
        ),
        (dict(classes=('a', 'b'), x=np.int64(3)), dict(classes=['a', 'b'], x=3)),
    ],
)
def test_numbers_that_json_does_not_have_become_null(value, expected, tmp_path):
    text = fileio.dump(value, file_format='json')
    assert json.loads(text, parse_constant=refuse) == expected
    fileio.dump(value, tmp_path / 'file.json')
    written = (tmp_path / 'file.json').read_text()
    assert json.loads(written, parse_constant=refuse) == expected


def evaluate_boxes(boxes, annotation_file, monkeypatch, handler):
    """mmdet's metric on an image with one object, with one of two writers of JSON."""
    handlers = 'mmengine.fileio.handlers.registry_utils.file_handlers'
    monkeypatch.setitem(resolve_name(handlers), 'json', handler)
    metric = CocoMetric(ann_file=str(annotation_file), classwise=False)
    metric.dataset_meta = dict(classes=['quince'])
    labels = torch.zeros(len(boxes), dtype=torch.long)
    scores = torch.linspace(0.9, 0.1, len(boxes))
    prediction = dict(bboxes=torch.tensor(boxes), scores=scores, labels=labels)
    metric.process({}, [dict(pred_instances=prediction, img_id=1, ori_shape=(40, 40))])
    return metric.evaluate(size=1)


@pytest.mark.parametrize('wrong', [NAN, float('inf'), -float('inf')])
def test_boxes_that_are_not_finite_are_evaluated_as_false_positives(
    wrong, tmp_path, monkeypatch
):
    file = tmp_path / 'val.json'
    box = dict(id=1, image_id=1, category_id=1, bbox=[4, 4, 20, 20], area=400, iscrowd=0)
    images = [dict(id=1, file_name='1.jpg', width=40, height=40)]
    categories = [dict(id=1, name='quince')]
    content = dict(images=images, annotations=[box], categories=categories)
    file.write_text(json.dumps(content))
    found = [4.0, 4.0, 24.0, 24.0]
    invalid = [[wrong, 4.0, 24.0, 24.0], [4.0, 4.0, wrong, wrong]]
    elsewhere = [[30.0, 30.0, 39.0, 39.0]] * 2
    ours = evaluate_boxes([*invalid, found], file, monkeypatch, ValidJsonHandler())
    # mmengine's handler keeps NaN, which the metric's native code takes for a match.
    expected = evaluate_boxes([*elsewhere, found], file, monkeypatch, JsonHandler())
    assert ours == expected
    assert 0 < ours['coco/bbox_mAP'] < 1


@pytest.mark.smoke
def test_the_log_of_a_training_with_invalid_losses_is_valid_and_drawn(tmp_path):
    cfg = tiny_config(tmp_path / 'run', length=4, interval=4)
    cfg.train_dataloader.dataset = dict(type='TinyDataset', bad=range(22))
    cfg.default_hooks.checkpoint.interval = 100
    cfg.default_hooks.checkpoint.save_last = False
    cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    build_tiny_runner(cfg).train()
    (log,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    records = [json.loads(line, parse_constant=refuse) for line in log.open()]
    assert [record['loss'] for record in records if 'loss' in record] == [None] * 4
    losses, _ = read_curves([log])
    assert losses == []
    plot_curves(log, tmp_path / 'curves.png')
