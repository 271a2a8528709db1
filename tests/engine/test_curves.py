"""Curves and metrics are read from what mmengine logs, and shown in percent."""

import json

import pytest
from matplotlib.figure import Figure

from mmgroupmix.engine.hooks.curves import (
    find_metrics,
    format_metrics,
    plot_curves,
    read_curves,
    smooth,
)

pytestmark = pytest.mark.smoke


def write_log(file, records):
    file.write_text('\n'.join(map(json.dumps, records)) + '\n')
    return file


def test_curves_of_an_epoch_based_run_count_iterations(tmp_path):
    file = write_log(
        tmp_path / 'scalars.json',
        [
            dict(loss=3.0, epoch=1, iter=10, step=10),
            dict(loss=2.0, epoch=1, iter=20, step=20),
            {'accuracy/top1': 12.0, 'step': 1},
            dict(loss=1.0, epoch=2, iter=35, step=35),
            {'accuracy/top1': 40.0, 'step': 2},
        ],
    )
    with file.open('a') as log:
        log.write('{"loss": 1')  # killed while writing
    losses, metrics = read_curves([file])
    assert losses == [(10, 3.0), (20, 2.0), (35, 1.0)]
    assert metrics == {'accuracy/top1': [(20, 12.0), (35, 40.0)]}
    assert plot_curves(file, tmp_path / 'curves.png')
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')


def test_distances_of_drawn_images_are_curves_under_their_names(tmp_path):
    records = [
        dict(loss=3.0, step=1),
        {'x/FID_10k_test': 80.0, 'x/IS_10k': 2.0, 'step': 1},
    ]
    file = write_log(tmp_path / 'scalars.json', records)
    assert read_curves([file])[1] == {'x/FID_10k_test': [(1, 80.0)]}
    (metric,) = find_metrics(['x/FID_10k_test', 'x/IS_10k'])
    assert metric.label + metric.unit == 'x/FID_10k_test'
    assert plot_curves(file, tmp_path / 'curves.png')


def test_a_resumed_run_replaces_what_it_trained_again(tmp_path):
    before = write_log(
        tmp_path / 'before.json',
        [
            dict(loss=5.0, step=1),
            dict(mIoU=10.0, step=1),
            dict(loss=4.0, step=2),
            dict(mIoU=20.0, step=2),
            dict(loss=3.0, step=3),
            dict(mIoU=30.0, step=3),
        ],
    )
    resumed = write_log(tmp_path / 'resumed.json', [dict(loss=1.0, step=2)])
    losses, metrics = read_curves([before, resumed])
    assert losses == [(1, 5.0), (2, 1.0)]
    assert metrics == {'mIoU': [(1, 10.0)]}


# Keys and units as mmseg's IoUMetric, mmdet's CocoMetric and VOCMetric and mmpretrain's
# Accuracy log them.
LOGGED_METRICS = [
    ('mIoU', 41.2, 'mIoU', 41.2),
    ('mDice', 58.3, 'mDice', 58.3),
    ('coco/bbox_mAP', 0.31, 'box AP', 31.0),
    ('coco/segm_mAP', 0.282, 'mask AP', 28.2),
    ('pascal_voc/mAP', 0.735, 'AP50', 73.5),
    ('accuracy/top1', 80.6, 'top-1 accuracy', 80.6),
]


@pytest.mark.parametrize('key, logged, label, percent', LOGGED_METRICS)
def test_the_metric_of_a_task_is_formatted_in_percent(key, logged, label, percent):
    others = {'aAcc': 70.0, 'coco/bbox_mAP_50': 0.5, 'accuracy/top5': 95.0}
    assert format_metrics(others | {key: logged}) == f'{label} {percent:.2f} %'


def test_box_and_mask_ap_are_formatted_together():
    metrics = {'coco/bbox_mAP': 0.31, 'coco/segm_mAP': 0.282}
    assert format_metrics(metrics) == 'box AP 31.00 %, mask AP 28.20 %'


def test_unknown_metrics_are_formatted_as_they_are():
    assert format_metrics({'F1': 0.123456, 'name': 'x'}) == 'F1 0.1235'
    assert 'nothing was predicted' in format_metrics({})


@pytest.mark.parametrize('key, logged, label, percent', LOGGED_METRICS)
def test_loss_and_metric_are_drawn_where_they_were_logged(
    key, logged, label, percent, tmp_path, monkeypatch
):
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
    file = write_log(
        tmp_path / 'scalars.json',
        [
            dict(loss=3.0, loss_cls=9.0, step=10),
            dict(loss=2.0, loss_cls=9.0, step=20),
            {key: logged, 'aAcc': 70.0, 'accuracy/top5': 95.0, 'step': 20},
        ],
    )
    assert plot_curves(file, tmp_path / 'curves.png')
    loss_axes, metric_axes = figures[0].axes
    assert loss_axes.lines[0].get_xydata().tolist() == [[10, 3.0], [20, 2.0]]
    (line,) = metric_axes.lines
    assert line.get_xydata().tolist() == [[20, pytest.approx(percent)]]
    assert metric_axes.get_ylabel() == f'validation: {label} (%)'


def test_nothing_is_written_without_a_logged_value(tmp_path):
    file = write_log(tmp_path / 'scalars.json', [dict(lr=0.1, step=1)])
    assert not plot_curves(file, tmp_path / 'curves.png')
    assert not (tmp_path / 'curves.png').exists()


def test_a_curve_is_smoothed_over_a_tenth_of_its_points():
    values = [0.0] * 20 + [1.0] + [0.0] * 19
    smoothed = smooth(values)
    assert len(smoothed) == 40
    # two points on either side: a window of five
    assert smoothed[18:23].tolist() == [pytest.approx(0.2)] * 5
    assert smoothed[17] == smoothed[23] == 0
    assert smooth([4.0, 4.0, 4.0]).tolist() == [4.0, 4.0, 4.0]
