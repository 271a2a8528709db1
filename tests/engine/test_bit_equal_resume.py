"""A run that was interrupted anywhere ends as if it had not been."""

import pytest
from mmengine.hooks import Hook

from mmgroupmix.engine.resuming import find_resumable

from .tiny_training import (
    assert_equal_training,
    build_tiny_runner,
    load_last,
    tiny_config,
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the run's own code handles it."""


class KillHook(Hook):
    """Ends the run at a moment: the name of a hook's method, and how often it came."""

    priority = 'HIGHEST'

    def __init__(self, moment, count):
        self.count = count
        setattr(self, moment, self._strike)

    def _strike(self, runner, *args, **kwargs):
        self.count -= 1
        if not self.count:
            raise Killed


@pytest.fixture(scope='module', params=[False, True], ids=['iterations', 'epochs'])
def reference(request, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('uninterrupted')
    cfg = tiny_config(work_dir, by_epoch=request.param, length=4, interval=1)
    if not request.param:
        cfg.train_cfg.update(max_iters=16, val_interval=4)
        cfg.default_hooks.checkpoint.interval = 4
    build_tiny_runner(cfg.copy()).train()
    return cfg, work_dir


def resume(cfg):
    paths = find_resumable(cfg.work_dir)
    return build_tiny_runner(cfg.copy(), str(paths[0]) if paths else None)


MOMENTS = [
    ('after_train_iter', 3),
    ('before_train_iter', 7),
    ('before_val_epoch', 1),
    ('after_val_epoch', 2),
    ('before_save_checkpoint', 3),
    ('after_train', 1),
]


@pytest.mark.parametrize('moment, count', MOMENTS)
def test_a_killed_run_ends_with_the_weights_of_the_uninterrupted_one(
    reference, tmp_path, moment, count
):
    cfg, uninterrupted = reference
    cfg = cfg.copy()
    cfg.work_dir = str(tmp_path)
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook(moment, count))
    with pytest.raises(Killed):
        runner.train()
    resume(cfg).train()
    assert_equal_training(load_last(tmp_path), load_last(uninterrupted))
    expected = sorted(path.name for path in uninterrupted.glob('*.pth'))
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == expected


def test_a_run_that_is_killed_again_and_again_ends_the_same(reference, tmp_path):
    cfg, uninterrupted = reference
    cfg = cfg.copy()
    cfg.work_dir = str(tmp_path)
    for attempt in range(40):
        runner = resume(cfg)
        # The places differ, and at times no step is complete.
        runner.register_hook(KillHook('before_train_iter', 2 + 3 * attempt % 7))
        try:
            runner.train()
            break
        except Killed:
            continue
    assert attempt > 2
    assert_equal_training(load_last(tmp_path), load_last(uninterrupted))


def test_workers_do_not_change_the_training(reference, tmp_path):
    cfg, uninterrupted = reference
    cfg = cfg.copy()
    cfg.work_dir = str(tmp_path)
    cfg.train_dataloader.update(num_workers=2, persistent_workers=True)
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('after_train_iter', 10))
    with pytest.raises(Killed):
        runner.train()
    resume(cfg).train()
    assert_equal_training(load_last(tmp_path), load_last(uninterrupted))


def test_a_validation_that_was_interrupted_is_made_up_for(tmp_path):
    cfg = tiny_config(tmp_path)
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('after_val_epoch', 2))
    with pytest.raises(Killed):
        runner.train()
    runner, validated = resume(cfg), []

    class Recorder(Hook):
        def before_val(self, runner):
            validated.append(runner.iter)

    runner.register_hook(Recorder())
    runner.train()
    assert validated == [4, 6, 8]


def test_what_a_validation_changed_is_not_lost(tmp_path):
    # The first validation is the best, and the run is killed before the next checkpoint.
    # The checkpoint of the fourth iteration was saved before the validation.
    cfg = tiny_config(tmp_path, length=12, interval=4)
    cfg.train_cfg.dynamic_intervals = [(0, 8), (3, 4)]
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('before_train_iter', 6))
    with pytest.raises(Killed):
        runner.train()
    (best,) = tmp_path.glob('best_*.pth')
    expected = runner.message_hub.get_info('best_score')
    runner = resume(cfg)
    runner.register_hook(KillHook('before_train_iter', 1))
    with pytest.raises(Killed):
        runner.train()
    assert list(tmp_path.glob('best_*.pth')) == [best]
    assert runner.message_hub.get_info('best_score') == expected


def test_a_finished_run_is_not_validated_again(tmp_path):
    cfg = tiny_config(tmp_path)
    build_tiny_runner(cfg.copy()).train()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob('*.pth')}
    runner, validated = resume(cfg), []
    recorder = Hook()
    recorder.before_val = lambda runner: validated.append(runner.iter)
    runner.register_hook(recorder)
    runner.train()
    assert validated == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob('*.pth')} == before


def test_early_stopping_keeps_its_patience(tmp_path):
    cfg = tiny_config(tmp_path, length=40, interval=2)
    # No score is better than the first one by so much: three more, and the run ends.
    stopping = dict(type='EarlyStoppingHook', monitor='acc', rule='greater')
    cfg.custom_hooks.append(dict(stopping, min_delta=1e6, patience=3))
    for count in (4, 2, 2):
        runner = resume(cfg)
        runner.register_hook(KillHook('before_train_iter', count))
        with pytest.raises(Killed):
            runner.train()
    resume(cfg).train()
    assert load_last(tmp_path)['meta']['iter'] == 8


def test_another_batch_size_goes_on_where_the_data_were_left(tmp_path, caplog):
    cfg = tiny_config(tmp_path)
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('before_train_iter', 5))
    with pytest.raises(Killed):
        runner.train()
    cfg.train_dataloader.batch_size = 2
    # The second of two interruptions has the new size already.
    runner = resume(cfg)
    runner.register_hook(KillHook('before_train_iter', 3))
    with pytest.raises(Killed):
        runner.train()
    runner = resume(cfg)
    seen = []

    class Recorder(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen.extend(sample.number for sample in data_batch['data_samples'])

    runner.register_hook(Recorder())
    runner.train()
    order = iter(build_tiny_runner(cfg.copy()).train_dataloader.sampler)
    # 4 batches of 4 images, then 2 of 2.
    expected = [next(order) for _ in range(20 + len(seen))][20:]
    assert seen == expected
    log = next(tmp_path.glob('*/*.log')).parent.parent
    text = ''.join(path.read_text() for path in log.glob('*/*.log'))
    assert 'saved by 1 process(es) with 4 images each; this run has 1 with 2' in text
