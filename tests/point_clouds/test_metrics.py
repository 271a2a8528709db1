"""Metrics against values that were counted by hand."""

import numpy as np
import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import PartIoU, PointCloudAccuracy
from mmgroupmix.point_clouds.metrics import compute_shape_iou


def evaluate(metric, samples):
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def scored(parts, num_parts=5):
    """Scores whose best part is the given one, for each point."""
    return torch.nn.functional.one_hot(torch.tensor(parts), num_parts).float()


def shape(truth, scores, part_range, category):
    return dict(
        gt_parts=torch.tensor(truth),
        pred_scores=scores,
        part_range=part_range,
        category=category,
        cloud_path='shapes.h5',
    )


@pytest.mark.smoke
def test_mean_class_accuracy_gives_each_class_the_same_weight():
    pairs = [(0, 0), (0, 0), (0, 1), (0, 0), (1, 0), (3, 3)]
    samples = [
        dict(gt_label=torch.tensor([a]), pred_label=torch.tensor([b])) for a, b in pairs
    ]
    scores = evaluate(PointCloudAccuracy(), samples)
    # 4 of 6; (3/4 + 0/1 + 1/1) / 3. Class 2 has no clouds.
    assert scores['accuracy/overall'] == pytest.approx(100 * 4 / 6)
    assert scores['accuracy/mean_class'] == pytest.approx(100 * 1.75 / 3)


@pytest.mark.smoke
def test_the_iou_of_a_shape_is_the_mean_over_the_parts_of_its_category():
    truth = np.array([2, 2, 2, 3, 3, 3])
    predicted = np.array([2, 2, 3, 3, 3, 3])
    # Part 2: 2 of 3; part 3: 3 of 4; part 4 is in neither: 1.
    iou = compute_shape_iou(truth, predicted, (2, 5))
    assert iou == pytest.approx((2 / 3 + 3 / 4 + 1) / 3)


@pytest.mark.smoke
def test_a_part_that_is_only_predicted_counts_as_0():
    iou = compute_shape_iou(np.array([0, 0, 0]), np.array([0, 0, 1]), (0, 2))
    assert iou == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.smoke
def test_instances_and_categories_are_averaged_apart():
    samples = [
        shape([0, 0, 1, 1], scored([0, 0, 1, 1]), (0, 2), 0),  # 1
        shape([0, 0, 1, 1], scored([0, 1, 1, 1]), (0, 2), 0),  # (1/2 + 2/3) / 2
        shape([2, 2, 3, 4], scored([3, 3, 3, 3]), (2, 5), 1),  # (0 + 1/4 + 0) / 3
    ]
    ious = [1, (1 / 2 + 2 / 3) / 2, 1 / 12]
    scores = evaluate(PartIoU(), samples)
    assert scores['pIoU/instance'] == pytest.approx(100 * sum(ious) / 3)
    expected = 100 * ((ious[0] + ious[1]) / 2 + ious[2]) / 2
    assert scores['pIoU/class'] == pytest.approx(expected)


@pytest.mark.smoke
def test_the_best_of_all_parts_is_another_score_with_another_name():
    # The best part of the second point is one of another category.
    scores = torch.tensor([[0.9, 0.0, 0.1, 0, 0], [0.1, 0.2, 0.7, 0, 0]])
    sample = shape([0, 1], scores, (0, 2), 0)
    own = evaluate(PartIoU(), [sample])
    assert own == {'pIoU/instance': 100.0, 'pIoU/class': 100.0}
    every = evaluate(PartIoU(among_all_parts=True), [sample])
    # Part 0: 1 of 1; part 1: 0 of 1.
    assert every == {
        'pIoU/instance_among_all_parts': 50.0,
        'pIoU/class_among_all_parts': 50.0,
    }


@pytest.mark.smoke
def test_a_model_with_too_few_parts_is_refused():
    sample = shape([0, 1], scored([0, 1], 2), (0, 4), 0)
    with pytest.raises(UserError, match='shapes.h5: its category has the parts 0 to 3'):
        PartIoU().process({}, [sample])
