"""Trainings by one process and by several end in the same model.

Each runs ``train.py`` on four images a step: one process on all of them, or two on two
each, or in two halves one after the other. The oracle is always another way to compute
the same thing.
"""

import re
import shutil

import pytest
import torch

from ..tool_processes import run_command
from .distributed_runs import HALF_BATCH, load, train, write_experiment
from .report.pages import Document

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason='this torch is not distributed'
)

#: Schedules count steps, of which there are more for as many updates.
CONSTANT_RATE = ['param_scheduler.end=1', 'param_scheduler.start_factor=1']


@pytest.fixture(scope='module')
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp('distributed')
    write_experiment(folder)
    return folder


@pytest.fixture(scope='module')
def one_process(experiment):
    train(experiment, 'one')
    return load(experiment, 'one')


@pytest.fixture(scope='module')
def sharded(experiment):
    output = train(experiment, 'sharded', '--fsdp', ranks=2, options=[HALF_BATCH])
    return load(experiment, 'sharded'), output


def resume(folder, source, work_dir, *arguments, **settings):
    """Resume from the first epoch of a run in a folder of its own."""
    (folder / work_dir).mkdir()
    start = f'{work_dir}/epoch_1.pth'
    shutil.copy(folder / source / 'epoch_1.pth', folder / start)
    train(folder, work_dir, '--resume', start, *arguments, **settings)
    return load(folder, work_dir)


def assert_same_training(actual, expected):
    """Weights, and what the optimizer knows about each, agree up to rounding."""
    torch.testing.assert_close(
        actual['state_dict'], expected['state_dict'], rtol=1e-4, atol=1e-5
    )
    for key in ('state', 'param_groups'):
        torch.testing.assert_close(
            actual['optimizer'][key], expected['optimizer'][key], rtol=1e-4, atol=1e-5
        )


def test_a_sharded_training_is_that_of_one_process(sharded, one_process):
    checkpoint, _ = sharded
    assert_same_training(checkpoint, one_process)


def test_checkpoints_of_a_sharded_training_are_plain(sharded, experiment):
    checkpoint, _ = sharded
    tensors = [*checkpoint['state_dict'].values()]
    for state in checkpoint['optimizer']['state'].values():
        tensors += state.values()
    assert {type(tensor) for tensor in tensors} == {torch.Tensor}
    assert {tensor.device.type for tensor in tensors} == {'cpu'}
    # The best one is saved in the middle of a validation.
    (best,) = (experiment / 'sharded').glob('best_*.pth')
    epoch = best.name.removeprefix('best_accuracy_top1_')
    torch.testing.assert_close(
        load(experiment, 'sharded', best.name)['state_dict'],
        load(experiment, 'sharded', epoch)['state_dict'],
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize(
    'arguments, settings',
    [
        ([], {}),
        ([], dict(ranks=2, options=[HALF_BATCH])),
        (['--fsdp'], dict(ranks=2, options=[HALF_BATCH])),
    ],
    ids=['one process', 'data parallel', 'sharded'],
)
def test_a_sharded_training_resumes_in_any_way(
    arguments, settings, sharded, one_process, experiment, request
):
    work_dir = request.node.callspec.id.replace(' ', '_') + '_resumed'
    resumed = resume(experiment, 'sharded', work_dir, *arguments, **settings)
    assert_same_training(resumed, one_process)


def test_a_training_by_one_process_resumes_sharded(one_process, experiment):
    settings = dict(ranks=2, options=[HALF_BATCH])
    resumed = resume(experiment, 'one', 'now_sharded', '--fsdp', **settings)
    assert_same_training(resumed, one_process)


def test_sync_batch_norm_has_the_statistics_of_all_processes(experiment):
    train(experiment, 'norms_of_one', config='sync_bn.py')
    settings = dict(ranks=2, options=[HALF_BATCH], config='sync_bn.py')
    train(experiment, 'norms', **settings)
    assert_same_training(load(experiment, 'norms'), load(experiment, 'norms_of_one'))


@pytest.fixture(scope='module')
def constant_rate(experiment):
    train(experiment, 'constant', options=CONSTANT_RATE)
    return load(experiment, 'constant')


@pytest.mark.parametrize(
    'arguments, ranks, batch_size',
    [([], 1, 2), (['--fsdp', '--checkpoint-activations'], 2, 1)],
    ids=['one process', 'sharded'],
)
def test_accumulated_steps_are_one_step_on_all_images(
    arguments, ranks, batch_size, constant_rate, experiment
):
    options = [f'train_dataloader.batch_size={batch_size}', *CONSTANT_RATE]
    arguments = ['--accumulate', 2, *arguments]
    folder = f'accumulated_{ranks}'
    output = train(experiment, folder, *arguments, ranks=ranks, options=options)
    assert_same_training(load(experiment, folder), constant_rate)
    assert 'the weights change once in 2 steps' in output


def test_all_options_together_train_and_the_result_is_tested(experiment):
    """Sharded, in bfloat16, accumulated, checkpointed; the learning rate counts all."""
    arguments = ['--fsdp', '--amp', 'bfloat16', '--checkpoint-activations']
    arguments += ['--accumulate', 2, '--auto-scale-lr']
    output = train(
        experiment, 'all', *arguments, ranks=2, options=['train_dataloader.batch_size=1']
    )
    # 1 image x 2 processes x 2 steps, of the 16 that 0.01 is meant for.
    assert '0.01 x 4 / 16 = 0.0025' in output
    losses = [float(x) for x in re.findall(r'Epoch\(train\).* loss: (\S+)', output)]
    assert len(losses) == 8 and all(0 < loss < 2 for loss in losses)
    checkpoint = load(experiment, 'all')
    (group, *_) = checkpoint['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(0.0025)
    assert {x.dtype for x in checkpoint['state_dict'].values()} == {torch.float32}
    result = run_command(
        'test', ['all/config.py', 'all/epoch_2.pth', '--work-dir', 'tested'], experiment
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope='module')
def tests_of_five_images(sharded, experiment):
    """The metric of a test of five images and its report, by number of processes."""
    found = {}
    for ranks in (1, 2, 3):
        launcher = ['--launcher', 'pytorch'] if ranks > 1 else []
        arguments = ['sharded/config.py', 'sharded/epoch_2.pth', '--work-dir', 'tests']
        options = ['--cfg-options', 'test_dataloader.batch_size=1']
        result = run_command(
            'test', [*arguments, *launcher, *options], experiment, ranks=ranks
        )
        assert result.returncode == 0, result.stderr
        (metric,) = re.findall('^result +(.*)', result.stdout, re.MULTILINE)
        report = Document((experiment / 'tests' / 'report.html').read_bytes())
        found[ranks] = metric, report.text
    return found


def test_processes_that_do_not_divide_the_images_do_not_change_the_metric(
    tests_of_five_images,
):
    metrics = {metric for metric, _ in tests_of_five_images.values()}
    assert len(metrics) == 1


def test_processes_that_do_not_divide_the_images_do_not_change_the_report(
    tests_of_five_images,
):
    (_, first), *others = tests_of_five_images.values()
    assert len(first['figcaption']) == 5
    for _, report in others:
        for tag in ('td', 'figcaption', 'b'):
            assert report[tag] == first[tag]
