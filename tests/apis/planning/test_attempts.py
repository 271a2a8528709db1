"""What a plan tries where its steps fail, and the space that it compares."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from mmgroupmix.apis.planning import attempts, device_memory
from mmgroupmix.apis.planning.failures import is_out_of_memory
from mmgroupmix.apis.planning.measurement import Measurement
from mmgroupmix.apis.planning.plan import Plan
from mmgroupmix.apis.planning.schedule import BatchPlan, Schedule
from mmgroupmix.apis.planning.step_timer import EnoughSteps, StepTimer
from mmgroupmix.apis.planning.storage import FreeSpace, KeptCheckpoints

pytestmark = pytest.mark.smoke


@pytest.fixture
def try_steps(monkeypatch):
    """Measure with a given function in place of real steps; return the problems."""
    monkeypatch.setattr(attempts, 'use_generated_images', lambda *_: (1, 2))

    def run(measure, loader=(), **model):
        loader = dict(batch_size=12) | dict(loader)
        cfg = Config(dict(model=model, optim_wrapper={}, train_dataloader=loader))
        monkeypatch.setattr(attempts, 'measure', measure)
        figures, _, problems = attempts.measure_with_retries(
            cfg, None, None, Path(), lambda text: None
        )
        return figures, problems

    return run


def test_a_batch_that_does_not_fit_is_halved_until_it_does(try_steps):
    def measure(cfg, *_):
        if cfg.train_dataloader.batch_size > 4:
            raise torch.OutOfMemoryError('CUDA out of memory')
        figures = Measurement()
        figures.training_peak = device_memory.PeakMemory(5 * 2**30, 0)
        return figures

    figures, (problem,) = try_steps(measure)
    assert figures is None
    assert '12 images per device do not fit' in problem
    assert '3 fit, at a peak of 5.0 GiB' in problem
    assert 'accumulative_counts=4' in problem


def test_weights_that_do_not_load_are_named_as_the_cause(try_steps):
    def measure(cfg, *_):
        if cfg.model.get('init_cfg'):
            raise ValueError('damaged.pth is not a checkpoint')
        return Measurement()

    weights = dict(type='Pretrained', checkpoint='damaged.pth')
    figures, (problem,) = try_steps(measure, init_cfg=weights)
    assert figures is not None
    assert 'weights cannot be loaded: damaged.pth is not a checkpoint' in problem


def test_weights_are_not_blamed_for_another_failure(try_steps):
    def measure(cfg, *_):
        raise ValueError('17 channels')

    weights = dict(type='Pretrained', checkpoint='fine.pth')
    figures, problems = try_steps(measure, init_cfg=weights)
    assert figures is None
    assert problems == ['a training step failed: 17 channels']


def test_what_needs_workers_is_not_a_failed_step_too(try_steps):
    def measure(cfg, *_):
        DataLoader([1], **cfg.train_dataloader)
        return Measurement()

    loader = dict(num_workers=0, persistent_workers=True, prefetch_factor=2)
    with pytest.raises(ValueError, match='num_workers'):
        DataLoader([1], **loader)
    figures, problems = try_steps(measure, loader)
    assert figures is not None and not problems


def test_host_memory_that_is_not_there_raises_instead_of_killing(monkeypatch):
    if device_memory._read_kib('/proc/self/status', 'VmData') is None:
        pytest.skip('needs the figures of Linux')
    monkeypatch.setattr(device_memory, '_free_memory', lambda: 2**28)
    monkeypatch.setattr(device_memory, 'get_device', lambda: 'cpu')
    with device_memory.limit_host_memory(), pytest.raises(RuntimeError) as raised:
        torch.empty(2**31, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    torch.empty(2**31, dtype=torch.uint8)  # not touched, so it takes no memory


def test_a_loss_that_is_not_finite_is_noted_and_the_steps_are_counted():
    timer = StepTimer(1, 2, lambda text: None)
    runner = type('Runner', (), dict(model=torch.nn.Linear(1, 1)))
    timer.before_train(runner)
    outputs = [dict(loss=torch.tensor(value)) for value in (1.0, float('nan'), 1.0)]
    for index, output in enumerate(outputs[:2]):
        timer.before_train_iter(runner, index)
        timer.after_train_iter(runner, index, outputs=output)
    timer.before_train_iter(runner, 2)
    with pytest.raises(EnoughSteps):
        timer.after_train_iter(runner, 2, outputs=outputs[2])
    assert timer.invalid_losses == {'loss'}
    assert len(timer.timed) == 2


def make_plan(free, replaced=0, writable=True, obstacle=None):
    figures = Measurement(step=2.0, loading=0.5, validation=3.0)
    figures.checkpoint, figures.best_checkpoint = 1000, 400
    return Plan(
        config='config.py',
        task='image classification',
        device='cpu',
        processes=1,
        measured_with=1,
        batch=BatchPlan(4, 1, 1, 4, False, {}),
        schedule=Schedule('iterations', 50, None, 0),
        data={},
        num_outputs=None,
        val_batch_size=1,
        num_workers=2,
        kept=KeptCheckpoints(2, 1, 1),
        space=FreeSpace('/disk', free, writable, obstacle),
        replaced_bytes=replaced,
        figures=figures,
    )


@pytest.mark.parametrize(
    'free, replaced, fits', [(3400, 0, True), (3399, 0, False), (3399, 1, True)]
)
def test_checkpoints_must_fit_beside_each_other(free, replaced, fits):
    # Two to resume and one being written of 1000 bytes, and a best one of 400.
    problems = make_plan(free, replaced).find_storage_problems()
    assert bool(problems) is not fits
    assert fits or 'max_keep_ckpts' in problems[0]


def test_a_disk_that_may_not_be_written_is_a_problem():
    (problem,) = make_plan(10**9, writable=False).find_storage_problems()
    assert '/disk is not writable' in problem


def test_a_file_in_the_way_is_a_problem():
    (problem,) = make_plan(10**9, obstacle='/disk/run').find_storage_problems()
    assert '/disk/run is in the way of the work directory' in problem


def test_workers_load_while_the_model_computes():
    plan = make_plan(10**9)
    assert plan.total_seconds == 50 * 2.0
    plan.num_workers = 0
    assert plan.total_seconds == 50 * 2.5
