"""What mmengine writes as JSON can be read by others."""

import json

import numpy as np
import pytest
from mmengine import fileio

import mmgroupmix.engine  # noqa: F401  registers the handler
from mmgroupmix.engine.hooks.curves import plot_curves, read_curves

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
