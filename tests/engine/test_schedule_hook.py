"""What a resumed run does with the schedule, the length and the groups of its config."""

import shutil

import pytest
import torch

from mmgroupmix.engine.resuming import find_resumable
from mmgroupmix.errors import UserError

from .test_bit_equal_resume import Killed, KillHook
from .tiny_training import build_tiny_runner, load_last, tiny_config


def config(work_dir, length=4, by_epoch=False, end=None, **schedule):
    """Without validation and average, which these tests need not."""
    cfg = tiny_config(work_dir, by_epoch, length=length, interval=1)
    end = length if end is None else end
    cfg.param_scheduler = [
        dict(dict(type='PolyLR', by_epoch=by_epoch, begin=0, end=end), **schedule)
    ]
    cfg.optim_wrapper.optimizer.weight_decay = 0.1
    cfg.custom_hooks, cfg.log_level = [], 'INFO'
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.default_hooks.checkpoint.save_best = None
    return cfg


def newest(work_dir):
    return str(find_resumable(work_dir)[0])


def log_of(work_dir):
    return ''.join(path.read_text() for path in work_dir.glob('*/*.log'))


def resume(cfg):
    runner = build_tiny_runner(cfg, newest(cfg.work_dir))
    runner.train()
    return runner


@pytest.fixture(scope='module')
def once(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('finished')
    build_tiny_runner(config(work_dir)).train()
    return work_dir


@pytest.fixture
def finished(once, tmp_path):
    return shutil.copytree(once, tmp_path / 'run')


def test_a_longer_run_follows_the_longer_schedule_and_says_so(finished):
    assert load_last(finished)['optimizer']['param_groups'][0]['lr'] == 0
    runner = build_tiny_runner(config(finished, length=6), newest(finished))
    runner.register_hook(KillHook('before_train_iter', 1))
    with pytest.raises(Killed):
        runner.train()
    (rate,) = runner.optim_wrapper.get_lr()['lr']
    assert rate == pytest.approx(0.01 * (1 - 4 / 5))
    text = log_of(finished)
    assert 'config has changed since' in text and 'lr is now 0.002 instead of 0' in text
    assert 'iter_4.pth: 9 of 9 tensors of the model' in text


def test_steps_at_a_rate_of_0_are_said(finished):
    resume(config(finished, length=6, end=4))
    assert 'The learning rate is 0 at iteration 6 of 6' in log_of(finished)


def test_a_schedule_with_functions_is_saved_and_goes_on(tmp_path):
    cfg = config(tmp_path)
    cycle = dict(type='OneCycleLR', eta_max=0.1, by_epoch=False, total_steps=4)
    cfg.param_scheduler = [cycle]
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('before_train_iter', 3))
    with pytest.raises(Killed):
        runner.train()
    rate = load_last(tmp_path)['optimizer']['param_groups'][0]['lr']
    resume(cfg)
    assert 'config has changed' not in log_of(tmp_path)
    assert load_last(tmp_path)['optimizer']['param_groups'][0]['lr'] < rate


def test_a_checkpoint_beyond_the_end_is_refused(finished):
    with pytest.raises(UserError, match='done 4 iterations, .* ends after 3.*max_iters'):
        resume(config(finished, length=3))


def test_a_run_that_counted_iterations_goes_on_in_epochs(tmp_path):
    build_tiny_runner(config(tmp_path, length=13)).train()  # 2 epochs of 6, and a step
    runner = resume(config(tmp_path, length=4, by_epoch=True))
    assert (runner.epoch, runner.iter) == (4, 24)


def test_a_run_that_counted_epochs_goes_on_in_iterations(tmp_path):
    build_tiny_runner(config(tmp_path, length=1, by_epoch=True)).train()
    runner = resume(config(tmp_path, length=8))
    assert runner.iter == 8


def test_another_optimizer_is_refused_before_a_step(finished):
    cfg = config(finished, length=6)
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.1)
    with pytest.raises(UserError, match='has amsgrad.*SGD, .* has dampening.*different'):
        resume(cfg)


@pytest.mark.parametrize('constructor', ['Default', 'mmgroupmix.Grouped'])
def test_other_groups_of_parameters_keep_their_state(finished, constructor):
    before = load_last(finished)['optimizer']['state']
    cfg = config(finished, length=6)
    cfg.optim_wrapper.constructor = f'{constructor}OptimWrapperConstructor'
    cfg.optim_wrapper.paramwise_cfg = dict(norm_decay_mult=0.0, bias_lr_mult=2.0)
    runner = build_tiny_runner(cfg, newest(finished))
    runner.register_hook(KillHook('before_train_iter', 1))
    with pytest.raises(Killed):
        runner.train()
    state = runner.optim_wrapper.optimizer.state
    # The optimizer of the first run had one group, in the order of the model.
    for index, parameter in enumerate(runner.model.parameters()):
        assert torch.equal(state[parameter]['exp_avg'], before[index]['exp_avg'])
    rates = {group['lr'] for group in runner.optim_wrapper.optimizer.param_groups}
    assert sorted(rates) == pytest.approx([0.002, 0.004])
    assert 'the groups of parameters' in log_of(finished)
