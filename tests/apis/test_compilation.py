"""``--compile``: what is compiled, what is folded instead, and what is refused."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch._dynamo.utils import counters

from mmgroupmix.apis import compilation, test, train
from mmgroupmix.errors import UserError
from mmgroupmix.models import PoolFormer

from ..models.small_backbones import NANO, randomize_batch_norms

pytestmark = pytest.mark.smoke


class Model(nn.Module):
    def __init__(self, backbone, neck=None):
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.backbone(x))


@pytest.fixture
def make_runner():
    def make(model):
        lines, hooks = [], []
        return SimpleNamespace(
            model=model,
            lines=lines,
            hooks=hooks,
            logger=SimpleNamespace(info=lines.append),
            register_hook=lambda hook, priority: hooks.append(hook),
        )

    torch._dynamo.reset()
    counters.clear()
    return make


def parse(command, *options):
    checkpoint = ['a.pth'] if command is test else []
    return command._build_parser().parse_args(['config.py', *checkpoint, *options])


def test_parts_are_found_in_every_model_but_not_within_another():
    inner = Model(nn.Linear(2, 2), nn.Linear(2, 2))
    outer = Model(nn.Linear(2, 2))
    outer.teacher = Model(inner)
    assert list(compilation.find_parts(outer)) == ['backbone', 'teacher.backbone']


def test_backbone_and_neck_are_compiled_and_the_log_says_so(make_runner):
    runner = make_runner(Model(nn.Linear(2, 2), nn.Linear(2, 2)))
    names = list(runner.model.state_dict())
    compilation.compile_training(runner, dict(backend='eager'))
    (line,) = runner.lines
    assert line.startswith('--compile: backbone, neck by torch.compile, backend eager')
    counters.clear()
    x = torch.ones(3, 2)
    expected = deepcopy(runner.model)(x)
    assert counters['stats']['unique_graphs'] == 0
    torch.testing.assert_close(runner.model(x), expected)
    assert counters['stats']['unique_graphs'] == 1
    assert list(runner.model.state_dict()) == names


@pytest.mark.parametrize('compile_run', ['compile_training', 'compile_test'])
def test_without_the_option_nothing_is_compiled(make_runner, compile_run):
    runner = make_runner(Model(nn.Linear(2, 2)))
    getattr(compilation, compile_run)(runner, None)
    runner.model(torch.ones(3, 2))
    assert counters['stats']['unique_graphs'] == 0 and not runner.lines


def test_a_test_on_a_cpu_folds_and_leaves_the_model_as_it_was(make_runner):
    backbone = randomize_batch_norms(PoolFormer(NANO, norm_cfg=dict(type='BN')))
    runner = make_runner(Model(backbone))
    images = torch.randn(2, 3, 64, 48)
    called = []
    with torch.no_grad():
        expected = backbone(images)
        compilation.compile_test(runner, {})
        (line,), (hook,) = runner.lines, runner.hooks
        assert 'folded' in line
        names = list(runner.model.state_dict())
        hook.before_test_epoch(runner)
        # As EMAHook does before; what is folded are the weights of this moment.
        backbone.stages[0].blocks[0].norm1.register_forward_hook(
            lambda *_: called.append(1)
        )
        torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-4)
        assert not called
        assert list(runner.model.state_dict()) == names
        hook.after_test_epoch(runner)
        backbone(images)
    assert called


def test_with_arguments_in_the_config_the_folded_backbone_is_compiled(make_runner):
    backbone = randomize_batch_norms(PoolFormer(NANO, out_indices=(0,)))
    runner = make_runner(Model(backbone))
    images = torch.randn(2, 3, 64, 48)
    compilation.compile_test(runner, dict(backend='eager', fullgraph=True))
    (line,), (hook,) = runner.lines, runner.hooks
    assert 'folded (fuse()) and compiled, backend eager' in line
    with torch.no_grad():
        expected = backbone(images)
        hook.before_test_epoch(runner)
        counters.clear()
        torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-4)
    assert counters['stats']['unique_graphs'] == 1


def test_a_test_compiles_what_cannot_be_folded(make_runner):
    runner = make_runner(Model(nn.Linear(2, 2)))
    compilation.compile_test(runner, dict(backend='eager'))
    assert not runner.hooks and 'torch.compile' in runner.lines[0]


def test_a_compiler_that_fails_is_reported_in_one_line_before_the_run(make_runner):
    def fail(graph, inputs):
        raise RuntimeError('no g++\nand more')

    runner = make_runner(Model(nn.Linear(2, 2)))
    with pytest.raises(UserError, match='no g.*apt install g') as caught:
        compilation.compile_training(runner, dict(backend=fail))
    assert '\n' not in str(caught.value)
    assert not runner.lines


def test_a_backend_that_does_not_exist_is_reported(make_runner):
    runner = make_runner(Model(nn.Linear(2, 2)))
    with pytest.raises(UserError, match='nothing_such'):
        compilation.compile_training(runner, dict(backend='nothing_such'))


def test_a_model_without_these_parts_is_refused(make_runner):
    with pytest.raises(UserError, match='Linear has neither'):
        compilation.compile_training(make_runner(nn.Linear(2, 2)), {})


@pytest.mark.parametrize('command', [train, test])
def test_the_arguments_of_the_config_are_used_and_mmengine_compiles_nothing(command):
    cfg = Config(dict(compile=dict(mode='max-autotune')))
    assert compilation.take_compile_options(cfg, parse(command)) is None
    assert cfg.compile == dict(mode='max-autotune')
    args = parse(command, '--compile')
    assert compilation.take_compile_options(cfg, args) == dict(mode='max-autotune')
    assert 'compile' not in cfg
    assert compilation.take_compile_options(cfg, args) == {}


@pytest.mark.parametrize('option', ['--plan', '--fsdp'])
def test_options_that_do_not_go_together_are_refused(option, capsys):
    assert train.main(['config.py', option, '--compile']) == 2
    error = capsys.readouterr().err
    assert option in error and '--compile' in error
