"""Curves and headlines are read from what mmengine logs."""

import json

import pytest

from mmgroupmix.engine.hooks.curves import headline, plot_curves, read_curves

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


def test_a_resumed_run_replaces_what_it_trained_again(tmp_path):
    parts = [[(1, 5.0), (2, 4.0), (3, 3.0)], [(2, 1.0)]]
    files = [
        write_log(
            tmp_path / f'{number}.json',
            [dict(loss=loss, step=step) for step, loss in points],
        )
        for number, points in enumerate(parts)
    ]
    assert read_curves(files)[0] == [(1, 5.0), (2, 1.0)]


def test_the_headline_is_in_percent():
    assert (
        headline({'coco/bbox_mAP': 0.31, 'coco/segm_mAP': 0.282})
        == 'box AP 31.00 %, mask AP 28.20 %'
    )
