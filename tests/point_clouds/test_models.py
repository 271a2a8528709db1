"""The models of the runner: losses, predictions and averages of views."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import BaseDataElement

from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import (
    PointCloudClassifier,
    PointCloudPartSegmentor,
    PointCloudTTAModel,
    PointCloudVisualizationHook,
)
from mmgroupmix.point_clouds.models import smooth_cross_entropy

CLASSIFIER = dict(
    type='PointCloudTransformer', num_classes=3, num_samples=(8, 4), num_neighbors=4
)
SEGMENTOR = dict(type='PartSegmentationTransformer', num_classes=5, num_categories=2)


def class_samples(*labels):
    samples = [BaseDataElement() for _ in labels]
    for sample, label in zip(samples, labels):
        sample.gt_label = torch.tensor([label])
    return samples


def part_samples(*categories, num_points=6):
    ranges = ((0, 2), (2, 5))
    samples = []
    for category in categories:
        sample = BaseDataElement(
            metainfo=dict(category=category, part_range=ranges[category])
        )
        sample.gt_parts = torch.full((num_points,), ranges[category][0])
        samples.append(sample)
    return samples


@pytest.mark.smoke
def test_smoothed_labels_share_the_rest_among_the_other_classes():
    logits = torch.randn(5, 4, dtype=torch.double)
    labels = torch.tensor([0, 3, 1, 1, 2])
    expected = 0.0
    for row, label in zip(logits.log_softmax(1), labels.tolist()):
        for i, value in enumerate(row.tolist()):
            expected -= value * (0.8 if i == label else 0.2 / 3) / 5
    loss = smooth_cross_entropy(logits, labels, 0.2)
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    plain = smooth_cross_entropy(logits, labels, 0.0)
    assert float(plain) == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-6
    )


@pytest.mark.smoke
def test_a_classifier_has_a_loss_and_predicts_scores():
    model = PointCloudClassifier(CLASSIFIER, label_smoothing=0.2)
    points = torch.randn(2, 16, 3)
    losses = model(points, class_samples(0, 2), mode='loss')
    assert set(losses) == {'loss', 'accuracy'}
    losses['loss'].backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        logits = model(points)
        first, second = model(points, class_samples(0, 2), mode='predict')
    torch.testing.assert_close(second.pred_score, logits[1].softmax(0))
    assert first.pred_label.tolist() == [int(logits[0].argmax())]


@pytest.mark.smoke
def test_a_segmentor_predicts_only_parts_of_the_category():
    model = PointCloudPartSegmentor(SEGMENTOR)
    points = torch.randn(2, 6, 3)
    losses = model(points, part_samples(0, 1), mode='loss')
    losses['loss'].backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        mug, table = model(points, part_samples(0, 1), mode='predict')
    assert mug.pred_scores.shape == (6, 5)
    assert set(mug.pred_parts.tolist()) <= {0, 1}
    assert set(table.pred_parts.tolist()) <= {2, 3, 4}
    best = table.pred_scores[:, 2:].argmax(1) + 2
    assert torch.equal(table.pred_parts, best)


@pytest.mark.smoke
def test_a_category_that_the_network_does_not_have_is_refused():
    model = PointCloudPartSegmentor(dict(SEGMENTOR, num_categories=1))
    with pytest.raises(
        UserError, match='are [0, 1], expected one below'.replace('[', r'\[')
    ):
        model(torch.randn(2, 6, 3), part_samples(0, 1), mode='loss')


@pytest.mark.smoke
def test_views_are_averaged_by_their_scores():
    model = PointCloudTTAModel(
        module=dict(type='mmgroupmix.PointCloudPartSegmentor', network=SEGMENTOR)
    )
    views = [part_samples(1)[0] for _ in range(2)]
    views[0].pred_scores = torch.tensor([[0.0, 0.9, 0.1, 0.0, 0.0]]).repeat(6, 1)
    views[1].pred_scores = torch.tensor([[0.0, 0.1, 0.0, 0.6, 0.3]]).repeat(6, 1)
    (sample,) = model.merge_preds([views])
    expected = torch.tensor([0.0, 0.5, 0.05, 0.3, 0.15])
    torch.testing.assert_close(sample.pred_scores[0], expected)
    assert sample.pred_parts.tolist() == [3] * 6
    views = class_samples(0, 0)
    views[0].pred_score, views[1].pred_score = torch.eye(3)[0] * 0.4, torch.eye(3)[1]
    (sample,) = model.merge_preds([views])
    assert sample.pred_label.tolist() == [1]


@pytest.mark.smoke
def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match='label_smoothing=0.7, expected a number from 0'):
        PointCloudClassifier(CLASSIFIER, label_smoothing=0.7)
    with pytest.raises(UserError, match='network=None, expected a dict with type'):
        PointCloudClassifier(None)
    with pytest.raises(UserError, match="has no argument 'backbone'"):
        PointCloudClassifier(backbone=CLASSIFIER)


class Recorder:
    """A visualiser that keeps what it is given."""

    def __init__(self):
        self.names = []

    def add_image(self, name, image, step):
        self.names.append(name)


@pytest.mark.smoke
def test_the_hook_draws_every_nth_cloud_also_of_several_views():
    meta = dict(classes=('a', 'b', 'c', 'd', 'e'), categories=dict(mug=2, table=3))
    samples = part_samples(0, 1, 0, num_points=20)
    for i, sample in enumerate(samples):
        sample.set_metainfo(dict(cloud_path='x/test0.h5', cloud_index=i))
        sample.pred_parts = sample.gt_parts
    clouds = [torch.randn(20, 3) for _ in samples]
    for inputs in (clouds, [clouds, clouds]):
        loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=meta))
        recorder = Recorder()
        runner = SimpleNamespace(
            val_dataloader=loader, visualizer=recorder, iter=7, model=None
        )
        hook = PointCloudVisualizationHook(enable=True, interval=2)
        hook.before_val_epoch(runner)
        hook.after_val_iter(runner, 0, dict(inputs=inputs), samples)
        assert recorder.names == ['00000_test0_cloud_0', '00002_test0_cloud_2']
