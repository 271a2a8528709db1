"""The average precision of classes is the one that the evaluator computes."""

import numpy as np
import pytest

from mmgroupmix.apis.report.class_precision import record_class_precision

from .samples import CLASSES, draw_detections, draw_instances

pytestmark = pytest.mark.smoke


def draw_samples(**fields):
    rng = np.random.default_rng(0)
    samples = []
    for number in range(1, 5):
        sample = draw_detections(rng, 30, number=number).to_dict()
        instances = [one for one in draw_instances(rng, 8) if one['bbox_label'] < 2]
        samples.append(sample | dict(instances=instances) | fields)
    return samples


@pytest.mark.parametrize('classwise', [True, False])
def test_it_is_that_of_cocos_evaluation_and_the_log_stays_as_it_is(classwise):
    from mmdet.evaluation import CocoMetric

    found = {}
    metric = CocoMetric(classwise=classwise)
    metric.dataset_meta = dict(classes=CLASSES)
    record_class_precision(metric, found)
    metric.process({}, draw_samples())
    result = metric.evaluate(4)
    assert set(found) == {'box AP', 'box AP50'}
    if not classwise:
        assert not [key for key in result if key.endswith('_precision')]
    for name in CLASSES:
        value = found['box AP'][name]
        if classwise:
            expected = result[f'coco/{name}_precision']
            assert value == pytest.approx(expected, abs=0.0006, nan_ok=True)
    # The mean over the classes that have objects is the metric itself.
    for key, metric_key in (('box AP', 'bbox_mAP'), ('box AP50', 'bbox_mAP_50')):
        mean = np.nanmean([found[key][name] for name in CLASSES])
        assert mean == pytest.approx(result[f'coco/{metric_key}'], abs=0.0006)
    assert np.isnan(found['box AP']['owl'])


def test_names_follow_the_ids_of_the_annotation_file_in_any_order(tmp_path):
    import json

    from mmdet.evaluation import CocoMetric

    names = dict(zip(CLASSES, (9, 3, 5)))
    box = [10, 10, 20, 20]
    file = tmp_path / 'labels.json'
    content = dict(
        images=[dict(id=1, width=100, height=100)],
        categories=[dict(id=number, name=name) for name, number in names.items()],
        annotations=[
            dict(id=number, image_id=1, category_id=number, bbox=box, area=400, iscrowd=0)
            for number in names.values()
        ],
    )
    file.write_text(json.dumps(content))
    found = {}
    metric = CocoMetric(ann_file=str(file))
    metric.dataset_meta = dict(classes=CLASSES)
    record_class_precision(metric, found)
    from .samples import detected

    # Of the three labels in one place, the owl alone is found.
    sample = detected([[10, 10, 30, 30]], [CLASSES.index('owl')], [0.9])
    metric.process({}, [sample.to_dict()])
    metric.evaluate(1)
    assert found['box AP'] == pytest.approx(dict(cat=0, dog=0, owl=1))


def test_it_is_that_of_pascal_voc():
    import torch
    from mmdet.evaluation import VOCMetric

    found = {}
    metric = VOCMetric(eval_mode='area')
    metric.dataset_meta = dict(classes=CLASSES, dataset_type='VOC2012')
    record_class_precision(metric, found)
    samples = draw_samples()
    for sample in samples:
        kept = [one for one in sample['instances'] if not one['ignore_flag']]
        sample['gt_instances'] = dict(
            bboxes=torch.tensor([one['bbox'] for one in kept]).reshape(-1, 4),
            labels=torch.tensor([one['bbox_label'] for one in kept]),
        )
        sample['ignored_instances'] = dict(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.int64)
        )
    metric.process({}, samples)
    result = metric.evaluate(4)
    mean = np.nanmean([*found['AP50'].values()])
    assert mean == pytest.approx(result['pascal_voc/mAP'], abs=1e-3)
    assert np.isnan(found['AP50']['owl'])
