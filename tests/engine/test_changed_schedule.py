"""A resumed run follows the schedule of its config, as a run of that config would have."""

import pytest
from mmengine.hooks import Hook

from mmgroupmix.errors import UserError

from .test_bit_equal_resume import Killed, KillHook
from .tiny_training import build_tiny_runner, load_last, tiny_config

POLY = dict(type='PolyLR', power=0.9, eta_min=1e-5, by_epoch=False, begin=0)
WARMUP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=3)
COSINE = dict(type='CosineAnnealingLR', by_epoch=False, begin=2)
STEPS = dict(type='MultiStepLR', milestones=[2, 5], by_epoch=False)


class Rates(Hook):
    """Notes the learning rates of every step, by its number."""

    def __init__(self):
        self.by_step = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        groups = runner.optim_wrapper.optimizer.param_groups
        self.by_step[runner.iter] = [(g['lr'], g['weight_decay']) for g in groups]


def train(cfg, stop=None, resume_from=None):
    """Train, up to a step if one is given; return the rates of each step."""
    runner, rates = build_tiny_runner(cfg.copy(), resume_from), Rates()
    runner.register_hook(rates)
    if stop is None:
        runner.train()
    else:
        runner.register_hook(KillHook('before_train_iter', stop + 1))
        with pytest.raises(Killed):
            runner.train()
    return rates.by_step


def config(work_dir, schedule, length=8, by_epoch=False, **optimizer):
    cfg = tiny_config(work_dir, by_epoch, length=length, interval=2)
    cfg.param_scheduler = schedule
    cfg.optim_wrapper.optimizer.update(optimizer)
    cfg.custom_hooks = []
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.default_hooks.checkpoint.save_best = None
    return cfg


def newest(work_dir):
    return str(work_dir / (work_dir / 'last_checkpoint').read_text())


def log_of(work_dir):
    return ''.join(path.read_text() for path in work_dir.glob('*/*.log'))


CHANGES = {
    'longer, with an end': (dict(schedule=[POLY | dict(end=4)], length=4), [POLY]),
    'warmup added': (dict(schedule=[POLY]), [WARMUP, POLY]),
    'warmup removed': (dict(schedule=[WARMUP, POLY]), [POLY]),
    'another kind': (dict(schedule=[WARMUP, POLY]), [WARMUP, COSINE]),
    'none before': (dict(schedule=None), [WARMUP, COSINE]),
    'milestones': (dict(schedule=[STEPS]), [STEPS | dict(milestones=[1, 3, 6])]),
    'one cycle': (
        dict(schedule=[dict(type='OneCycleLR', eta_max=0.1, by_epoch=False)]),
        [dict(type='OneCycleLR', eta_max=0.3, by_epoch=False, total_steps=9)],
    ),
    'restarts': (
        dict(schedule=[POLY]),
        [
            dict(
                type='CosineRestartLR',
                periods=[3, 5],
                restart_weights=[1, 0.5],
                eta_min=0,
                by_epoch=False,
            )
        ],
    ),
    'momentum': (
        dict(schedule=[STEPS, dict(type='CosineAnnealingMomentum', by_epoch=False)]),
        [POLY],
    ),
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_changed_schedule_counts_from_the_first_step(tmp_path, change):
    before, schedule = CHANGES[change]
    train(config(tmp_path / 'run', **before), stop=4 if 'longer' not in change else None)
    rates = train(config(tmp_path / 'run', schedule), resume_from=newest(tmp_path / 'run'))
    expected = train(config(tmp_path / 'whole', schedule))
    assert rates == {step: expected[step] for step in range(4, 8)}
    assert 'the schedule of the config counts as if' in log_of(tmp_path / 'run')
