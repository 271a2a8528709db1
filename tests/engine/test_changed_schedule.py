"""A resumed run follows the schedule of its config, as if from the first step."""

import math
from types import SimpleNamespace

import pytest
from mmengine.optim import OptimWrapperDict
from torch.optim import SGD

from mmgroupmix.engine.schedules import follow_config, read_settings

from .schedule_runs import LENGTH, ScheduleRun

pytestmark = pytest.mark.smoke

END = 20
RATES = (('first', 0.1), ('second', 0.2))
POLY = dict(type='PolyLR', power=0.9, eta_min=1e-5, by_epoch=False, begin=0, end=END)
WARMUP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)
COSINE = dict(type='CosineAnnealingLR', by_epoch=False, begin=4, end=END)
STEPS = dict(type='MultiStepLR', milestones=[2, 4], by_epoch=True)
EPOCHS = dict(type='PolyLR', eta_min=1e-4, by_epoch=True, end=7)
CYCLE = dict(type='OneCycleLR', eta_max=0.1, by_epoch=False, total_steps=END)
RESTARTS = dict(
    type='CosineRestartLR',
    periods=[5, 15],
    restart_weights=[1, 0.5],
    eta_min=0,
    by_epoch=False,
)
MOMENTUM = dict(type='CosineAnnealingMomentum', by_epoch=False, end=END)
PLATEAU = dict(type='ReduceOnPlateauLR', monitor='loss', patience=0, factor=0.5)

SCHEDULES = {
    'longer': ([dict(POLY, end=10)], [POLY]),
    'shorter': ([POLY], [dict(POLY, end=12)]),
    'a warmup is added': ([POLY], [WARMUP, POLY]),
    'a warmup is removed': ([WARMUP, POLY], [POLY]),
    'of another kind': ([WARMUP, POLY], [WARMUP, COSINE]),
    'there was none': ([], [WARMUP, COSINE]),
    'there is none any more': ([WARMUP, POLY], []),
    'other milestones': ([STEPS], [dict(STEPS, milestones=[1, 3, 6])]),
    'epochs instead of iterations': ([WARMUP, POLY], [WARMUP, EPOCHS]),
    'iterations instead of epochs': ([STEPS], [COSINE]),
    'epochs that are converted': ([POLY], [dict(EPOCHS, convert_to_iter_based=True)]),
    'a higher cycle': ([CYCLE], [dict(CYCLE, eta_max=0.3)]),
    'other restarts': ([RESTARTS], [dict(RESTARTS, periods=[8, 12])]),
    'momentum is scheduled': ([POLY], [POLY, MOMENTUM]),
    'momentum is not scheduled': ([POLY, MOMENTUM], [POLY]),
    'a metric is not followed any more': ([PLATEAU], [WARMUP, COSINE]),
}


@pytest.mark.parametrize('stop', [4, 9, 11])
@pytest.mark.parametrize('change', SCHEDULES)
def test_a_changed_schedule_counts_from_the_first_step(change, stop):
    before, now = SCHEDULES[change]
    run = ScheduleRun(before)
    run.train(stop)
    resumed, whole = ScheduleRun(now), ScheduleRun(now)
    (line,) = resumed.resume(run.save())
    assert 'its schedule counts as if it had from the first step' in line
    expected = whole.train(END)
    assert resumed.train(END) == {step: expected[step] for step in range(stop, END)}
    assert resumed.save() == whole.save()


def test_the_rate_is_that_of_the_formula():
    run = ScheduleRun([dict(POLY, end=10)], groups=[{}])
    run.train(10)
    resumed = ScheduleRun([POLY], groups=[{}])
    resumed.resume(run.save())
    ((used,),) = resumed.train(11).values()
    expected = (0.1 - 1e-5) * (1 - 10 / (END - 1)) ** 0.9 + 1e-5
    assert math.isclose(used['lr'], expected, rel_tol=1e-12)


@pytest.mark.parametrize('schedule', [[POLY], [WARMUP, COSINE], [STEPS], [CYCLE], []])
def test_another_base_rate_counts_from_the_first_step(schedule):
    run, whole = ScheduleRun(schedule), ScheduleRun(schedule, lr=0.3)
    resumed = ScheduleRun(schedule, lr=0.3)
    run.train(7)
    changed = resumed.resume(run.save())
    # The cycle sets its own rates.
    assert bool(changed) == (schedule != [CYCLE])
    expected = whole.train(END)
    assert resumed.train(END) == {step: expected[step] for step in range(7, END)}


@pytest.mark.parametrize(
    'schedule', [[POLY], [WARMUP, COSINE], [STEPS], [CYCLE], [RESTARTS], [PLATEAU], []]
)
def test_what_has_not_changed_is_not_touched(schedule):
    run = ScheduleRun(schedule)
    run.train(8)
    # As a hook of the user might.
    run.optim_wrapper.optimizer.param_groups[0]['weight_decay'] = 0.7
    checkpoint, resumed = run.save(), ScheduleRun(schedule)
    assert follow_config(resumed, checkpoint, resumed.settings) == []
    assert checkpoint == run.save()


def test_another_setting_of_the_optimizer_counts_from_now_on():
    run = ScheduleRun([POLY], weight_decay=0.1)
    run.train(5)
    resumed = ScheduleRun([POLY], weight_decay=0.2)
    assert resumed.resume(run.save()) == ['weight_decay 0.1 -> 0.2']
    expected = ScheduleRun([POLY], weight_decay=0.2).train(END)
    assert resumed.train(END) == {step: expected[step] for step in range(5, END)}


def test_a_plateau_keeps_what_it_has_learned():
    run = ScheduleRun([PLATEAU])
    run.train(4 * LENGTH)  # three reductions: the metric is better in the first epoch
    resumed = ScheduleRun([dict(PLATEAU, factor=0.1)], lr=0.2)
    assert resumed.resume(run.save())
    lr = [group['lr'] for group in resumed.optim_wrapper.optimizer.param_groups]
    assert lr == [0.2 * 0.5**3, 0.01 * 0.5**3]
    resumed.train(5 * LENGTH)
    lr = [group['lr'] for group in resumed.optim_wrapper.optimizer.param_groups]
    assert lr == pytest.approx([0.2 * 0.5**3 * 0.1, 0.01 * 0.5**3 * 0.1], rel=1e-12)


def test_a_checkpoint_without_an_optimizer_gets_the_rates_of_its_step():
    run, resumed = ScheduleRun([POLY]), ScheduleRun([POLY])
    run.train(9)
    checkpoint = run.save()
    del checkpoint['optimizer']
    follow_config(resumed, checkpoint, resumed.settings)
    for group, expected in zip(
        resumed.optim_wrapper.param_groups, run.optim_wrapper.param_groups
    ):
        assert group['lr'] == expected['lr']


def test_each_of_several_optimizers_follows_its_schedule():
    def build(end):
        runs = {name: ScheduleRun([dict(POLY, end=end)], lr=lr) for name, lr in RATES}
        return SimpleNamespace(
            optim_wrapper=OptimWrapperDict(
                **{n: r.optim_wrapper for n, r in runs.items()}
            ),
            param_schedulers={n: r.param_schedulers for n, r in runs.items()},
            train_dataloader=range(LENGTH),
            train_loop=None,
        ), runs

    _, runs = build(10)
    for run in runs.values():
        run.train(9)
    saved = {name: run.save() for name, run in runs.items()}
    checkpoint = {
        key: {name: one[key] for name, one in saved.items()}
        for key in ('optimizer', 'param_schedulers')
    }
    checkpoint['meta'] = saved['first']['meta'] | dict(optimizer_settings=None)
    resumed, _ = build(END)
    assert len(follow_config(resumed, checkpoint, read_settings(resumed))) == 2
    _, whole = build(END)
    for name, run in whole.items():
        run.train(9)
        expected = [group['lr'] for group in run.optim_wrapper.param_groups[:-1]]
        groups = checkpoint['optimizer'][name]['param_groups']
        assert [group['lr'] for group in groups] == expected


@pytest.mark.parametrize('settings', [None, 3, [[]], [[3, 4]], [[{}, {}]]])
def test_a_checkpoint_of_another_program_says_nothing_of_settings(settings):
    run = ScheduleRun([POLY], kind=SGD)
    run.train(5)
    content = run.save()
    content['meta']['optimizer_settings'] = settings
    resumed = ScheduleRun([POLY], kind=SGD)
    resumed.resume(content)
    expected = ScheduleRun([POLY], kind=SGD).train(END)
    assert resumed.train(END) == {step: expected[step] for step in range(5, END)}
