"""The curve of a run is drawn while it trains, and continues where it was resumed."""

import time

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmgroupmix.engine.hooks import CurveHook, curve_hook
from mmgroupmix.engine.hooks.curves import plot_curves, read_curves


class LinearModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x, mode='tensor'):
        y = self.linear(x)
        return dict(loss=y.square().mean()) if mode == 'loss' else list(y)


class CountedIoU(BaseMetric):
    """Returns 11, 12, ... per cent in successive evaluations."""

    value = 10

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        self.value += 1
        return dict(mIoU=float(self.value))


@pytest.fixture
def drawn(monkeypatch):
    """What each call of the hook draws: losses and metrics."""
    calls = []

    def read_and_plot(files, out_file):
        calls.append(read_curves(files))
        return plot_curves(files, out_file)

    monkeypatch.setattr(curve_hook, 'plot_curves', read_and_plot)
    return calls


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train on two samples for some iterations, validating after every second one."""
    clock, offsets = time.time, iter(range(0, 1000, 100))

    def run(max_iters, log_interval=1, **options):
        # The log folder of a run is named after the second at which it starts.
        offset = next(offsets)
        monkeypatch.setattr(time, 'time', lambda: clock() + offset)
        loader = dict(
            dataset=[dict(x=torch.rand(2)) for _ in range(2)],
            batch_size=1,
            num_workers=0,
            collate_fn=dict(type='default_collate'),
        )
        hook = CurveHook()
        runner = Runner(
            LinearModel(),
            str(tmp_path),
            log_level='ERROR',
            # mmengine keeps one visualiser per name, which no two tests may share.
            experiment_name=f'{tmp_path.name}_{offset}',
            train_dataloader=loader
            | dict(sampler=dict(type='InfiniteSampler', shuffle=False)),
            train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=2),
            val_dataloader=loader
            | dict(sampler=dict(type='DefaultSampler', shuffle=False)),
            val_cfg={},
            val_evaluator=Evaluator(CountedIoU()),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            log_processor=dict(by_epoch=False),
            default_hooks=dict(
                logger=dict(
                    type='LoggerHook', interval=log_interval, log_metric_by_epoch=False
                ),
                checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
            ),
            custom_hooks=[hook],
            visualizer=dict(
                type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]
            )
            | options.pop('visualizer', {}),
            **options,
        )
        runner.train()
        return hook

    return run


def test_after_each_validation_loss_and_metric_are_drawn(train, drawn, tmp_path):
    hook = train(4)
    steps = [[step for step, _ in losses] for losses, _ in drawn]
    assert steps == [[1, 2], [1, 2, 3, 4], [1, 2, 3, 4]]
    assert [metrics for _, metrics in drawn[:2]] == [
        {'mIoU': [(2, 11.0)]},
        {'mIoU': [(2, 11.0), (4, 12.0)]},
    ]
    assert hook.metrics == {'mIoU': 12.0}
    (picture,) = tmp_path.glob('*/curves.png')
    assert hook.out_file == str(picture)
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_a_resumed_run_continues_the_curve_of_all_earlier_parts(train, drawn):
    train(2)
    train(4, resume=True)
    del drawn[:]
    train(6, resume=True)
    losses, metrics = drawn[-1]
    assert [step for step, _ in losses] == [1, 2, 3, 4, 5, 6]
    assert metrics == {'mIoU': [(2, 11.0), (4, 11.0), (6, 11.0)]}


def test_a_new_run_in_the_same_folder_starts_its_own_curve(train, drawn):
    train(4)
    del drawn[:]
    train(4, log_interval=2)
    losses, metrics = drawn[-1]
    assert [step for step, _ in losses] == [2, 4]
    assert metrics == {'mIoU': [(2, 11.0), (4, 12.0)]}


def test_the_curve_follows_a_backend_with_its_own_name_and_file(train, drawn, tmp_path):
    for max_iters, resume in ((2, False), (4, True)):
        backend = dict(
            type='LocalVisBackend', name='local', scalar_save_file='my_scalars.json'
        )
        train(max_iters, resume=resume, visualizer=dict(vis_backends=[backend]))
    assert len(list(tmp_path.glob('*/vis_data/my_scalars.json'))) == 2
    losses, metrics = drawn[-1]
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    assert metrics == {'mIoU': [(2, 11.0), (4, 11.0)]}


def test_a_log_that_all_runs_share_continues_by_itself(train, drawn, tmp_path):
    for max_iters, resume in ((2, False), (4, True)):
        backend = dict(type='LocalVisBackend', save_dir=str(tmp_path / 'logs' / 'shared'))
        hook = train(max_iters, resume=resume, visualizer=dict(vis_backends=[backend]))
    losses, metrics = drawn[-1]
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    assert metrics == {'mIoU': [(2, 11.0), (4, 11.0)]}
    assert hook.out_file in map(str, tmp_path.glob('*/curves.png'))


def test_without_the_local_backend_nothing_is_drawn(train, drawn, tmp_path):
    hook = train(2, visualizer=dict(vis_backends=[]))
    assert not drawn and hook.out_file is None
    assert hook.metrics == {'mIoU': 11.0}
    assert not list(tmp_path.glob('*/curves.png'))
