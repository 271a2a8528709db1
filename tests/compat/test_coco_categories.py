"""Every class has its own category of a COCO file, in datasets and metrics of mmdet."""

import json

import numpy as np
import pytest
import torch
from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import CocoMetric

from mmgroupmix.compat.coco_categories import order_category_ids

pytestmark = pytest.mark.smoke

CLASSES = ('plum', 'medlar', 'quince')
BOXES = {'quince': [0, 0, 40, 40], 'medlar': [50, 0, 40, 40], 'plum': [0, 50, 40, 40]}


def write(path, names, ids, extra=()):
    """A file with an image and a box of each name."""
    numbers = dict(zip(names, ids))
    content = dict(
        images=[dict(id=1, file_name='a.jpg', height=100, width=100)],
        categories=[dict(id=n, name=name) for name, n in numbers.items()] + list(extra),
        annotations=[
            dict(
                id=i,
                image_id=1,
                category_id=number,
                bbox=BOXES[name],
                area=1600,
                iscrowd=0,
            )
            for i, (name, number) in enumerate(numbers.items(), start=1)
        ],
    )
    path.write_text(json.dumps(content))
    return str(path)


def label_boxes(path, classes=CLASSES):
    """The name that a dataset gives to the box of each name, by the box."""
    dataset = CocoDataset(
        ann_file=path, metainfo=dict(classes=classes), data_prefix=dict(img='')
    )
    return {
        tuple(box['bbox'][:2]): classes[box['bbox_label']]
        for box in dataset[0]['instances']
    }


OWN_NAMES = {tuple(box[:2]): name for name, box in BOXES.items()}


@pytest.mark.parametrize(
    'names, ids',
    [
        (('quince', 'medlar', 'plum'), (1, 2, 3)),
        (('medlar', 'plum', 'quince'), (7, 0, 21)),
        (('plum', 'quince', 'medlar'), ('c', 'a', 'b')),
    ],
)
def test_boxes_have_their_own_names_whatever_the_order_of_the_file(names, ids, tmp_path):
    assert label_boxes(write(tmp_path / 'a.json', names, ids)) == OWN_NAMES


def test_a_file_without_a_class_does_not_move_the_others(tmp_path):
    path = write(tmp_path / 'a.json', ('quince', 'plum'), (1, 2))
    assert label_boxes(path) == {
        box: name for box, name in OWN_NAMES.items() if name != 'medlar'
    }


def test_of_two_categories_with_one_name_the_annotated_one_counts(tmp_path):
    path = write(tmp_path / 'a.json', CLASSES, (1, 2, 3), [dict(id=0, name='medlar')])
    assert label_boxes(path) == OWN_NAMES


def test_a_name_that_is_a_number_finds_its_text():
    categories = [dict(id=5, name='12'), dict(id=3, name=11)]
    assert order_category_ids(['11', 12], categories, bool) == [3, 5]


def test_two_annotated_categories_with_one_name_have_no_order():
    categories = [dict(id=1, name='a'), dict(id=2, name='a'), dict(id=3, name='b')]
    assert order_category_ids(['b', 'a'], categories, lambda number: True) is None
    assert order_category_ids(['c'], categories, lambda number: True) is None


def predict(metric, labelled):
    """Let a metric see a box of each name with the label of another."""
    names = list(labelled)
    boxes = torch.tensor([BOXES[name] for name in names], dtype=torch.float)
    boxes[:, 2:] += boxes[:, :2]
    sample = dict(
        img_id=1,
        ori_shape=(100, 100),
        pred_instances=dict(
            bboxes=boxes,
            scores=torch.full((len(names),), 0.9),
            labels=torch.tensor([CLASSES.index(labelled[name]) for name in names]),
        ),
    )
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, [sample])
    return metric.evaluate(size=1)


@pytest.mark.parametrize(
    'names', [('quince', 'medlar', 'plum'), ('plum', 'quince', 'medlar')]
)
@pytest.mark.parametrize('ids', [(1, 2, 3), (30, 10, 20)])
def test_a_metric_compares_classes_by_name_and_reports_each_under_its_own(
    names, ids, tmp_path
):
    path = write(tmp_path / 'val.json', names, ids)
    right = predict(CocoMetric(ann_file=path), {name: name for name in CLASSES})
    assert right['coco/bbox_mAP'] == 1
    # Plums are taken for medlars: neither is found alone, quinces are.
    metric = CocoMetric(ann_file=path, classwise=True)
    result = predict(metric, dict(quince='quince', plum='medlar'))
    scores = {name: float(result[f'coco/{name}_precision']) for name in CLASSES}
    assert scores == dict(quince=1, medlar=0, plum=0)


def test_a_class_without_a_category_has_no_score_and_does_not_stop_the_metric(tmp_path):
    path = write(tmp_path / 'val.json', ('quince', 'plum'), (1, 2))
    metric = CocoMetric(ann_file=path, classwise=True)
    result = predict(metric, {name: name for name in CLASSES})
    assert result['coco/bbox_mAP'] == 1
    assert np.isnan(result['coco/medlar_precision'])


def test_other_questions_to_the_file_are_answered_as_before(tmp_path):
    coco = COCO(write(tmp_path / 'a.json', CLASSES, (3, 1, 2)))
    assert coco.get_cat_ids() == [3, 1, 2]
    assert coco.get_cat_ids(cat_names='medlar') == [1]
    assert coco.get_cat_ids(cat_ids=[2]) == [2]
    assert coco.get_cat_ids(cat_names=['none of these']) == []
