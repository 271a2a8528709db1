"""Signals end a training with a complete checkpoint."""

import multiprocessing
import os
import signal
import time

import pytest
from mmengine.hooks import Hook

from mmgroupmix.engine.hooks import PreemptionHook
from mmgroupmix.engine.interruption import SIGNALS, SignalWatch, TrainingInterrupted
from mmgroupmix.engine.resuming import find_resumable

from ..tool_processes import start_function
from .tiny_training import (
    assert_equal_training,
    build_tiny_runner,
    load_last,
    tiny_config,
)


@pytest.fixture(autouse=True)
def no_ignored_hangup():
    """The suite may run under ``nohup``, which ignores SIGHUP."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


class SignalHook(Hook):
    """Sends this process a signal at a moment of the training."""

    priority = 'HIGHEST'

    def __init__(self, number, moment, iteration):
        self.number, self.iteration = number, iteration
        setattr(self, moment, self._send)

    def _send(self, runner, *args, **kwargs):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), self.number)
            self.iteration = -1


def interrupt(cfg, number, moment, iteration):
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(SignalHook(number, moment, iteration))
    with SignalWatch() as watch:
        runner.register_hook(PreemptionHook(watch))
        with pytest.raises(TrainingInterrupted) as end:
            runner.train()
    return end.value


@pytest.mark.parametrize('number', SIGNALS, ids=lambda number: number.name)
def test_a_signal_finishes_the_step_and_saves(tmp_path, number):
    end = interrupt(tiny_config(tmp_path), number, 'before_train_iter', 4)
    assert (end.code, end.signal) == (75, number)
    assert end.checkpoint == str(tmp_path / 'iter_5.pth')
    assert load_last(tmp_path)['meta']['iter'] == 5


@pytest.mark.parametrize('by_epoch', [False, True], ids=['iterations', 'epochs'])
@pytest.mark.parametrize('moment', ['before_train_iter', 'after_val_iter'])
def test_an_interrupted_run_ends_as_the_uninterrupted_one(tmp_path, by_epoch, moment):
    length = dict(by_epoch=by_epoch, length=2 if by_epoch else 8, interval=1)
    build_tiny_runner(tiny_config(tmp_path / 'whole', **length)).train()
    cfg = tiny_config(tmp_path / 'cut', **length)
    # An epoch has six iterations.
    at = 6 if by_epoch and moment == 'after_val_iter' else 3
    interrupt(cfg, signal.SIGTERM, moment, at)
    newest = find_resumable(tmp_path / 'cut')[0]
    build_tiny_runner(cfg.copy(), str(newest)).train()
    assert_equal_training(load_last(tmp_path / 'cut'), load_last(tmp_path / 'whole'))
    # The checkpoint of the interruption lasts until the next regular one.
    names = [
        sorted(path.name for path in (tmp_path / run).glob('*.pth'))
        for run in ('whole', 'cut')
    ]
    assert names[0] == names[1]


def test_before_the_training_a_signal_ends_the_run_at_once():
    with SignalWatch(), pytest.raises(TrainingInterrupted) as end:
        os.kill(os.getpid(), signal.SIGTERM)
    assert end.value.checkpoint is None


def test_the_handlers_before_are_restored():
    before = [signal.getsignal(number) for number in SIGNALS]
    with SignalWatch():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_ignored_hangup_stays_ignored():
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalWatch() as watch:
            os.kill(os.getpid(), signal.SIGHUP)
        assert watch.received is None
    finally:
        signal.signal(signal.SIGHUP, previous)


def watch_signals(pipe):
    with SignalWatch() as watch:
        watch.is_training = True
        pipe.send('ready')
        while watch.received is None:
            time.sleep(0.01)
        pipe.send('first')
        time.sleep(60)


def test_a_second_signal_ends_the_process_at_once():
    process, pipe = start_function(watch_signals)
    assert pipe.recv() == 'ready'
    os.kill(process.pid, signal.SIGTERM)
    assert pipe.recv() == 'first'
    os.kill(process.pid, signal.SIGTERM)  # a repetition, as torchrun's
    process.join(1)
    assert process.is_alive()
    os.kill(process.pid, signal.SIGUSR1)
    process.join(30)
    assert process.exitcode == -signal.SIGUSR1


def test_a_step_whose_gradients_are_accumulated_is_not_the_last_one(tmp_path):
    cfg = tiny_config(tmp_path, length=9, interval=3)
    cfg.optim_wrapper.accumulative_counts = 3
    end = interrupt(cfg, signal.SIGTERM, 'before_train_iter', 4)
    assert end.checkpoint == str(tmp_path / 'iter_6.pth')


def test_pools_of_processes_end_while_a_training_runs():
    with SignalWatch() as watch:
        watch.is_training = True
        processes = [
            multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
            for _ in range(20)
        ]
        for process in processes:
            process.start()
            process.terminate()  # also before Python runs in it
        for process in processes:
            process.join(10)
    assert {process.exitcode for process in processes} == {-signal.SIGTERM}
    assert watch.received is None


def test_signals_that_were_blocked_before_stay_so():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        with SignalWatch():
            process = multiprocessing.get_context('fork').Process(target=int)
            process.start()
            process.join(10)
        assert process.exitcode == 0
        assert signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
