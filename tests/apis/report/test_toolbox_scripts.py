"""Confusion matrices are those that the scripts of the toolboxes count."""

import runpy
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmgroupmix.apis.report.classification import ClassificationCollector
from mmgroupmix.apis.report.detection import DetectionCollector
from mmgroupmix.apis.report.segmentation import SegmentationCollector

from .samples import (
    CLASSES,
    classified,
    draw_detections,
    draw_instances,
    entry_of,
    segmented,
)

pytestmark = pytest.mark.smoke


def load_script(toolbox):
    folder = Path(find_spec(toolbox).origin).parent / '.mim' / 'tools'
    script = folder / 'analysis_tools' / 'confusion_matrix.py'
    if not script.is_file():
        pytest.skip(f'{toolbox} is installed without its scripts')
    return runpy.run_path(str(script))


class LabelMaps:
    """What the script of mmseg asks of a dataset."""

    ignore_index, reduce_zero_label = 255, False

    def __init__(self, maps):
        self.maps, self.METAINFO = maps, dict(classes=CLASSES)

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, index):
        data = torch.as_tensor(self.maps[index])
        return dict(data_samples=SimpleNamespace(gt_sem_seg=SimpleNamespace(data=data)))


def test_pixels_are_counted_as_by_the_script_of_mmsegmentation():
    rng = np.random.default_rng(0)
    truths = rng.choice([0, 1, 2, 255], (4, 9, 7)).astype(np.uint8)
    predictions = rng.integers(0, 3, (4, 9, 7))
    collector = SegmentationCollector(dict(classes=CLASSES), [])
    for truth, prediction in zip(truths, predictions):
        collector.add(segmented(truth, prediction), dict, 0)
    script = load_script('mmseg')
    expected = script['calculate_confusion_matrix'](LabelMaps(truths), predictions)
    confusion = collector.summarize(lambda image: None, {}).confusion
    np.testing.assert_array_equal(confusion.counts, expected)
    assert list(confusion.true_names) == list(CLASSES)


def test_boxes_are_counted_as_by_the_script_of_mmdetection():
    rng = np.random.default_rng(0)
    count = load_script('mmdet')['analyze_per_img_dets']
    expected = np.zeros((4, 4))
    collector = DetectionCollector(dict(classes=CLASSES), [])
    for num_labels, num_predictions in ((9, 30), (3, 0), (0, 4), (0, 0), (7, 40)):
        instances = draw_instances(rng, num_labels)
        sample = draw_detections(rng, num_predictions)
        collector.add(sample, entry_of(instances), 0)
        if num_labels:
            count(expected, instances, sample.pred_instances, 0.3)
        else:  # the script stops at an image without labels
            labels = sample.pred_instances.labels[sample.pred_instances.scores >= 0.3]
            expected[-1, :3] += np.bincount(labels, minlength=3)
    confusion = collector.summarize(lambda image: None, {}).confusion
    np.testing.assert_array_equal(confusion.counts, expected)
    assert confusion.true_names[-1] == 'background'
    assert (expected[:3, :3] > 0).sum() > 5


def test_images_are_counted_by_true_and_predicted_class():
    rng = np.random.default_rng(0)
    truths = rng.integers(0, 3, 50)
    scores = rng.random((50, 3)).astype(np.float32)
    collector = ClassificationCollector(dict(classes=CLASSES), [])
    for truth, row in zip(truths, scores):
        collector.add(classified(int(truth), row), dict, 0)
    confusion = collector.summarize(lambda image: None, {}).confusion
    for true in range(3):
        for predicted in range(3):
            is_counted = (truths == true) & (scores.argmax(1) == predicted)
            assert confusion.counts[true, predicted] == is_counted.sum()
