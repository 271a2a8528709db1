"""What load_from and a test load is said, and a checkpoint of another model refused."""

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import EMAHook

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.engine.hooks import LoadedWeightsHook

from ..checkpoints.small_run import GOOD, build_runner

pytestmark = pytest.mark.smoke


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'weights.pth'


class NoMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=0)


def build(content, file, **options):
    torch.save(content, file)
    runner = build_runner(file.parent, load_from=str(file), **options)
    runner.register_hook(LoadedWeightsHook())
    said = []
    for level in ('info', 'warning'):
        setattr(runner.logger, level, lambda line, *_: said.append(line))
    return runner, said


def build_test(content, file, **options):
    loader = dict(
        dataset=[dict(x=torch.rand(2))],
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )
    test = dict(test_dataloader=loader, test_cfg={}, test_evaluator=[NoMetric()])
    return build(content, file, **test, **options)


def with_two_layers(runner):
    """Add a layer, of which a checkpoint has nothing, to the model of a runner."""
    runner.model.neck = torch.nn.Linear(2, 2)
    return runner


SKIPPED = dict(cfg=dict(skip_checks=['weights']))


@pytest.mark.parametrize('wrap', [lambda c: c, lambda c: dict(state_dict=c, meta={})])
def test_a_test_says_what_it_loaded(wrap, file):
    runner, said = build_test(wrap(dict(GOOD)), file)
    runner.test()
    assert f'{file}: 2 of 2 tensors of the model' in said
    assert torch.equal(runner.model.linear.bias, GOOD['linear.bias'])


@pytest.mark.parametrize('key', ['model', 'model_ema', 'ema_state_dict', 'net'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_below_another_level_are_tested(key, prefix, file):
    weights = {prefix + name: value for name, value in GOOD.items()}
    runner, said = build_test({key: weights, 'epoch': 3}, file)
    runner.test()
    assert f'{file}: 2 of 2 tensors of the model' in said
    assert torch.equal(runner.model.linear.bias, GOOD['linear.bias'])


def test_a_test_of_weights_that_are_missing_is_refused(file):
    runner, _ = build_test(dict(GOOD), file)
    expected = r'weights.pth does not fit .*2 of 4 .*missing: neck \(2\).*--skip-check w'
    with pytest.raises(CheckpointError, match=expected) as error:
        with_two_layers(runner).test()
    assert '\n' not in str(error.value)


def test_a_test_of_another_shape_is_refused_before_an_average_loads(file):
    runner, _ = build_test(dict(GOOD, **{'linear.bias': torch.ones(3)}), file)
    runner.register_hook(EMAHook())
    with pytest.raises(CheckpointError, match=r'linear.bias has the shape \(3,\)'):
        runner.test()


def test_an_average_loads_weights_that_stand_alone(file):
    runner, _ = build_test(dict(GOOD), file)
    average = EMAHook()
    runner.register_hook(average)
    runner.test()
    assert torch.equal(average.ema_model.module.linear.bias, GOOD['linear.bias'])


def test_a_test_without_an_auxiliary_head_passes(file):
    runner, said = build_test(dict(GOOD), file)
    runner.model.auxiliary_head = torch.nn.Linear(2, 2)
    runner.test()
    assert any('missing: auxiliary_head (2)' in line for line in said)


@pytest.mark.parametrize('content', [dict(GOOD), {'linear.bias': torch.ones(3)}])
def test_the_check_of_a_test_can_be_left_out(content, file):
    runner, _ = build_test(content, file, **SKIPPED)
    with_two_layers(runner).test()


def test_load_from_names_what_is_newly_initialised(file):
    others = {'head.weight': torch.ones(7, 2), 'old.weight': torch.ones(1)}
    runner, said = build(dict(GOOD, **{'first.bias': torch.ones(2)}, **others), file)
    runner.model.first, runner.model.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 3)
    with_two_layers(runner).train()
    (line,) = [line for line in said if 'tensors of the model' in line]
    assert '3 of 8 tensors' in line and 'not used: old (1)' in line
    assert 'head (class layer, (7, 2) instead of (3, 2))' in line
    assert 'missing: first (1), head (1), neck (2)' in line
    assert 'newly initialised' in line


@pytest.mark.parametrize('content', [{'net.a.weight': torch.ones(2, 1)}, dict(GOOD)])
def test_load_from_of_another_model_is_refused(content, file):
    runner, _ = build(content, file)
    runner.model.backbone = torch.nn.Sequential(
        torch.nn.Linear(20, 20), torch.nn.Linear(20, 20)
    )
    fitting = 'nothing' if 'net.a.weight' in content else r'linear \(2\)'
    with pytest.raises(
        CheckpointError, match=f'another model: {fitting} of it fits.*linear, backbone'
    ):
        runner.train()


def test_the_check_of_load_from_can_be_left_out(file):
    runner, said = build({'a': torch.ones(1)}, file, **SKIPPED)
    runner.train()
    assert any('0 of 2 tensors' in line for line in said)
