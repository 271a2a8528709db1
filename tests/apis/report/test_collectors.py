"""Scores of images and metrics of classes are those that the toolboxes compute."""

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmgroupmix.apis.report.classification import (
    ClassificationCollector,
    compute_class_metrics,
)
from mmgroupmix.apis.report.collector import NO_LABELS
from mmgroupmix.apis.report.detection import DetectionCollector
from mmgroupmix.apis.report.segmentation import SegmentationCollector

from .samples import (
    CLASSES,
    classified,
    detected,
    draw_detections,
    draw_instances,
    entry_of,
    segmented,
)

pytestmark = pytest.mark.smoke

META = dict(classes=CLASSES)


def no_photo(image):
    return None


def scores_of(collector):
    return {image.position: image.score for image in collector.ranking.images}


@pytest.fixture
def iou_metric():
    from mmseg.evaluation import IoUMetric

    metric = IoUMetric(iou_metrics=['mIoU', 'mFscore'], ignore_index=7)
    metric.dataset_meta = META
    return metric


def evaluate(metric, samples):
    metric.process({}, [sample.to_dict() for sample in samples])
    return metric.evaluate(len(samples))


def draw_label_maps(rng):
    # 5 is a label outside the classes, 3 an output that has no name.
    truth = rng.choice([0, 1, 5, 7], (8, 9), p=[0.6, 0.3, 0.05, 0.05])
    return segmented(truth, rng.choice([0, 1, 3], (8, 9), p=[0.7, 0.2, 0.1]))


def test_an_image_is_ranked_by_the_mean_iou_that_mmseg_gives_it_alone(iou_metric):
    rng = np.random.default_rng(0)
    collector = SegmentationCollector(META, [iou_metric])
    for position in range(3):
        sample = draw_label_maps(rng)
        collector.add(sample, dict, position)
        # The metric rounds to two decimals of a per cent.
        expected = evaluate(iou_metric, [sample])['mIoU']
        assert scores_of(collector)[position] * 100 == pytest.approx(expected, abs=0.006)


def test_the_metrics_of_classes_are_those_of_the_log_of_mmseg(iou_metric, monkeypatch):
    from mmseg.evaluation.metrics import iou_metric as module

    logged = []
    monkeypatch.setattr(module, 'print_log', lambda text, *_, **__: logged.append(text))
    rng = np.random.default_rng(1)
    samples = [draw_label_maps(rng) for _ in range(4)]
    collector = SegmentationCollector(META, [iou_metric])
    for sample in samples:
        collector.add(sample, dict, 0)
    evaluate(iou_metric, samples)
    (table,) = collector.summarize(no_photo, {}).tables
    rows = [line.strip('|').split('|') for line in logged[-1].splitlines() if '|' in line]
    header, *expected = [[cell.strip() for cell in row] for row in rows]
    assert list(table.header[2:]) == header[1:]
    for row, line in zip(table.rows, expected, strict=True):
        assert row[0] == line[0]
        for cell, value in zip(row[2:], line[1:], strict=True):
            is_undefined = value == 'nan'
            assert (cell == '–') == is_undefined  # noqa: RUF001
            assert is_undefined or abs(float(cell) - float(value)) < 0.06


def test_labels_outside_the_classes_have_a_row_of_their_own():
    collector = SegmentationCollector(META, [])
    collector.add(segmented([[0, 9, 255]], [[0, 0, 0]]), dict, 0)
    confusion = collector.summarize(no_photo, {}).confusion
    assert confusion.true_names[-1] == 'other' and confusion.counts[-1, 0] == 1
    assert 'other' not in confusion.predicted_names


def count_by_pycocotools(instances, predictions):
    """Right, wrong and missed boxes of one image at an IoU of 0.5."""
    to_xywh = lambda box: [box[0], box[1], box[2] - box[0], box[3] - box[1]]  # noqa: E731
    coco = COCO()
    coco.dataset = dict(
        images=[dict(id=1, width=100, height=100)],
        categories=[dict(id=i, name=name) for i, name in enumerate(CLASSES)],
        annotations=[
            dict(
                id=i + 1,
                image_id=1,
                category_id=one['bbox_label'],
                bbox=to_xywh(one['bbox']),
                area=1,
                iscrowd=one['ignore_flag'],
            )
            for i, one in enumerate(instances)
        ],
    )
    coco.createIndex()
    kept = predictions[predictions.scores >= 0.3]
    results = [
        dict(image_id=1, category_id=int(label), score=float(score), bbox=to_xywh(box))
        for box, label, score in zip(kept.bboxes.tolist(), kept.labels, kept.scores)
    ]
    if not results:
        return 0, 0, sum(not one['ignore_flag'] for one in instances)
    evaluation = COCOeval(coco, coco.loadRes(results), 'bbox')
    evaluation.params.iouThrs = np.array([0.5])
    evaluation.evaluate()
    right = wrong = missed = 0
    for one in evaluation.evalImgs:
        if one is None or one['aRng'] != evaluation.params.areaRng[0]:
            continue
        counted = ~one['dtIgnore'][0].astype(bool)
        right += int((one['dtMatches'][0][counted] > 0).sum())
        wrong += int((one['dtMatches'][0][counted] == 0).sum())
        is_object = ~np.asarray(one['gtIgnore'], bool)
        missed += int((one['gtMatches'][0][is_object] == 0).sum())
    return right, wrong, missed


def test_boxes_are_right_where_pycocotools_matches_them(capsys):
    rng = np.random.default_rng(3)
    collector, total = DetectionCollector(META, []), np.zeros(3, int)
    for position in range(12):
        instances = draw_instances(rng, position % 7)
        sample = draw_detections(rng, 40 * (position > 1))
        counts = count_by_pycocotools(instances, sample.pred_instances)
        collector.add(sample, entry_of(instances), position)
        right, wrong, missed = counts
        total += counts
        if not sum(counts):
            assert position not in scores_of(collector)
            continue
        f1 = 2 * right / (2 * right + wrong + missed)
        assert scores_of(collector)[position] == pytest.approx(f1)
    np.testing.assert_array_equal(collector.counts.sum(axis=1), total)
    assert total.min() > 5


def test_masks_and_boxes_are_drawn_where_they_are():
    mask = torch.zeros(1, 100, 100, dtype=torch.bool)
    mask[:, 20:41, 10:31] = True
    label = dict(bbox=[10, 20, 30, 40], bbox_label=1, ignore_flag=0)
    label['mask'] = [[10, 20, 30, 20, 30, 40, 10, 40]]
    collector = DetectionCollector(META, [])
    sample = detected([[10, 20, 30, 40]], [1], [0.9], masks=mask)
    collector.add(sample, entry_of([label]), 0)
    (picture,) = collector.summarize(no_photo, {}).best
    truth, prediction = picture.panels
    for panel, text in ((truth, 'dog'), (prediction, 'dog 0.90')):
        assert panel.description == 'dog (1)'
        (box,) = panel.boxes
        assert box[:4] == (10, 20, 20, 20) and box.label == text
        (outline,) = panel.outlines
        corners = {
            tuple(float(value) for value in point.split(','))
            for point in outline.points.split()
        }
        assert corners == {(10, 20), (30, 20), (30, 40), (10, 40)}


def test_predictions_that_are_all_unsure_are_mentioned_with_the_surest():
    collector = DetectionCollector(META, [])
    label = dict(bbox=[10, 20, 30, 40], bbox_label=1, ignore_flag=0)
    sample = detected([[10, 20, 30, 40], [0, 0, 9, 9]], [1, 1], [0.05, 0.125])
    collector.add(sample, entry_of([label]), 0)
    (note,) = collector.summarize(no_photo, {}).notes
    assert 'at least 0.3' in note and '0.125' in note


def test_proposals_without_classes_are_compared_with_all_objects():
    from mmdet.evaluation import CocoMetric

    collector = DetectionCollector(META, [CocoMetric(metric='proposal_fast')])
    label = dict(bbox=[10, 20, 30, 40], bbox_label=2, ignore_flag=0)
    sample = detected([[10, 20, 30, 40]], [0], [0.9])
    collector.add(sample, entry_of([label]), 0)
    assert scores_of(collector) == {0: 1.0}
    (table,) = collector.summarize(no_photo, {}).tables
    assert [row[0] for row in table.rows] == ['object']


def test_an_image_is_ranked_by_the_probability_of_its_true_class():
    collector = ClassificationCollector(META, [])
    collector.add(classified(2, [0.5, 0.3, 0.2]), dict, 0)
    collector.add(classified(0, [0.7, 0.2, 0.1]), dict, 1)
    assert scores_of(collector) == pytest.approx({0: 0.2, 1: 0.7})
    best = collector.summarize(no_photo, {}).best
    assert [panel.description for panel in best[0].panels] == [
        'cat',
        'cat 70.0 %, dog 20.0 %, owl 10.0 %',
    ]


def test_the_metrics_of_classes_are_those_of_mmpretrain():
    from mmpretrain.evaluation import SingleLabelMetric

    rng = np.random.default_rng(0)
    truths, predictions = torch.from_numpy(rng.integers(0, [[4], [5]], (2, 40)))
    support, *values = compute_class_metrics(predictions, truths, 6)
    *expected, expected_support = SingleLabelMetric.calculate(
        predictions, truths, average=None, num_classes=6
    )
    torch.testing.assert_close(support, expected_support)
    torch.testing.assert_close(values, expected)


def test_a_matrix_of_very_many_classes_is_left_out_with_a_word():
    collector = ClassificationCollector(dict(classes=range(21841)), [])
    collector.add(classified(20000, [0.2, 0.8]), dict, 0)
    evaluation = collector.summarize(no_photo, {})
    assert evaluation.confusion is None and len(evaluation.tables[0].rows) == 2000
    assert '21841 classes' in evaluation.notes[0]


def test_a_model_with_more_outputs_than_classes_is_reported():
    collector = ClassificationCollector(META, [])
    collector.add(classified(0, [0.1, 0.1, 0.1, 0.7]), dict, 0)
    evaluation = collector.summarize(no_photo, {})
    assert evaluation.confusion.predicted_names[-1] == 'class 3'
    assert evaluation.confusion.counts[0, 3] == 1


def test_images_with_several_labels_are_counted_and_nothing_is_made_up():
    collector = ClassificationCollector(META, [])
    collector.add(classified([0, 2], [0.9, 0.1, 0.8]), dict, 0)
    evaluation = collector.summarize(no_photo, {})
    assert not evaluation.tables and not evaluation.best and evaluation.notes


def test_images_that_the_preprocessor_gives_a_score_of_one_class_have_one_label():
    from mmpretrain.models import ClsDataPreprocessor

    mixup = dict(augments=dict(type='mmpretrain.Mixup', alpha=0.8))
    preprocessor = ClsDataPreprocessor(num_classes=len(CLASSES), batch_augments=mixup)
    samples = [classified(label, [0.5, 0.2, 0.3]) for label in (0, 2)]
    data = dict(inputs=torch.zeros(2, 3, 4, 4), data_samples=samples)
    collector = ClassificationCollector(META, [])
    for sample in preprocessor(data, training=False)['data_samples']:
        assert 'gt_score' in sample
        collector.add(sample, dict, 0)
    collector.add(classified(0, [1.0, 0, 0]).set_gt_score([0.6, 0.4, 0]), dict, 2)
    evaluation = collector.summarize(no_photo, {})
    assert evaluation.confusion.counts.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert '1 images have several labels' in evaluation.notes[0]


@pytest.mark.parametrize('kind', ['segmentation', 'detection', 'classification'])
def test_images_without_labels_give_a_sentence_and_no_scores(kind):
    if kind == 'detection':
        collector = DetectionCollector(META, [])
        sample = detected([[0, 0, 9, 9]], [0], [0.9])
        find_info = entry_of([])
    else:
        find_info = dict
        if kind == 'segmentation':
            collector, sample = SegmentationCollector(META, []), segmented([[0]], [[0]])
            del sample.gt_sem_seg
        else:
            collector, sample = ClassificationCollector(META, []), classified(0, [1.0])
            del sample.gt_label
    collector.add(sample, find_info, 0)
    evaluation = collector.summarize(no_photo, {})
    assert evaluation.notes == [NO_LABELS]
    assert not (evaluation.tables or evaluation.confusion or evaluation.best)
