"""Options for large batches and models: what they set, and what they refuse."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, OPTIM_WRAPPERS
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing

from mmgroupmix.apis import train
from mmgroupmix.apis.config import preflight
from mmgroupmix.apis.config import training_options as options
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def create_config(**settings):
    return Config(
        dict(
            default_scope='mmpretrain',
            launcher='pytorch',
            model=dict(
                type='ImageClassifier',
                backbone=dict(type='mmgroupmix.PoolFormer', arch='s12'),
            ),
            optim_wrapper=dict(
                type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1), clip_grad=None
            ),
            **settings,
        )
    )


def apply(cfg, *arguments):
    args = train._build_parser().parse_args(['config.py', *arguments])
    options.apply_training_options(cfg, args)
    return cfg


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr(preflight, 'get_device', lambda: 'cpu')


def test_without_options_the_config_stays_as_it_is():
    assert apply(create_config()).to_dict() == create_config().to_dict()


def test_bfloat16_trains_without_an_accelerator(on_cpu):
    cfg = apply(create_config(), '--amp', 'bfloat16')
    preflight.check_mixed_precision(cfg)
    wrapper = OPTIM_WRAPPERS.build(
        dict(cfg.optim_wrapper, optimizer=torch.optim.SGD([torch.ones(1)], lr=0.1))
    )
    linear = torch.nn.Linear(2, 2)
    with wrapper.optim_context(linear):
        assert linear(torch.ones(1, 2)).dtype == torch.bfloat16
    assert linear(torch.ones(1, 2)).dtype == torch.float32


def test_a_config_in_bfloat16_trains_without_an_accelerator(on_cpu):
    cfg = create_config()
    cfg.optim_wrapper.update(
        type='AmpOptimWrapper', dtype='bfloat16', loss_scale='dynamic'
    )
    preflight.check_mixed_precision(apply(cfg))
    assert {'dtype', 'loss_scale'}.isdisjoint(cfg.optim_wrapper)


def test_float16_without_an_accelerator_is_refused_and_bfloat16_suggested(on_cpu):
    cfg = apply(create_config(), '--amp')
    with pytest.raises(UserError, match='--amp bfloat16'):
        preflight.check_mixed_precision(cfg)


class Regression(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)

    def forward(self, x, mode):
        return dict(loss=(self.linear(x).float() - 1).square().mean())


def test_a_training_in_bfloat16_is_close_to_one_in_float32():
    losses = {}
    for kind in 'OptimWrapper', 'mmgroupmix.BFloat16OptimWrapper':
        torch.manual_seed(0)
        model = Regression()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        wrapper = OPTIM_WRAPPERS.build(dict(type=kind, optimizer=optimizer))
        x = torch.tensor([[0.5, 1.0, -1.0], [0.25, -2.0, 0.3]])
        steps = [model.train_step(dict(x=x), wrapper)['loss'] for _ in range(5)]
        losses[kind] = torch.stack(steps)
    exact, rounded = losses.values()
    assert not torch.equal(exact, rounded)
    # bfloat16 has 8 significant bits.
    torch.testing.assert_close(exact, rounded, rtol=0.02, atol=0.01)


@pytest.mark.parametrize('steps', ['0', '-2'])
def test_a_number_of_accumulated_steps_below_1_is_refused(steps):
    with pytest.raises(UserError, match=f'--accumulate {steps}: expected'):
        apply(create_config(), '--accumulate', steps)


def test_several_optimizers_are_refused():
    cfg = create_config()
    cfg.optim_wrapper = dict(constructor='Gan', generator={}, discriminator={})
    with pytest.raises(UserError, match='--accumulate works with one optimizer'):
        apply(cfg, '--accumulate', '2')


@pytest.mark.parametrize(
    'backbone',
    [
        dict(type='mmgroupmix.GroupMixFormer', arch='m'),
        dict(type='mmgroupmix.PoolFormer', arch='s12'),
        dict(type='mmgroupmix.EAMLP', arch='7'),
        dict(type='ResNet', depth=18),
        dict(
            type='mmgroupmix.WithExternalAttention',
            base='ResNet',
            depth=18,
            external_attention=dict(channels=512),
        ),
    ],
    ids=lambda backbone: backbone['type'],
)
def test_checkpointing_works_block_by_block_where_the_backbone_can(backbone):
    pytest.importorskip('mmpretrain.models')
    import mmgroupmix  # noqa: F401

    cfg = create_config()
    cfg.model.backbone = backbone
    apply(cfg, '--checkpoint-activations')
    assert 'activation_checkpointing' not in cfg
    assert MODELS.build(dict(cfg.model.backbone, _scope_='mmpretrain')).with_cp is True


class Plain(torch.nn.Module):
    """A backbone that knows nothing of checkpointing."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return (self.conv(x).tanh(),)


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Plain()


def test_other_backbones_are_checkpointed_as_a_whole_with_equal_gradients():
    cfg = create_config()
    cfg.model.backbone = dict(type=Plain)
    apply(cfg, '--checkpoint-activations')
    assert cfg.activation_checkpointing == ['backbone']

    gradients = []
    for modules in ([], cfg.activation_checkpointing):
        torch.manual_seed(0)
        model = Classifier()
        turn_on_activation_checkpointing(model, modules)
        (y,) = model.backbone(torch.ones(1, 3, 4, 4))  # images need no gradients
        y.square().sum().backward()
        gradients.append(model.backbone.conv.weight.grad)
    torch.testing.assert_close(*gradients)


def test_a_model_without_a_backbone_is_refused():
    cfg = create_config()
    del cfg.model.backbone
    with pytest.raises(UserError, match='ImageClassifier has no backbone'):
        apply(cfg, '--checkpoint-activations')


def test_a_sharded_model_is_wrapped_and_saved_whole():
    cfg = apply(create_config(), '--fsdp')
    assert cfg.model_wrapper_cfg.type == 'mmgroupmix.FullyShardedModel'
    assert list(options.iter_hooks(cfg)) == ['ShardedCheckpointHook']
    # The config that the run writes is resumed with the option again.
    assert apply(Config(cfg.to_dict()), '--fsdp').to_dict() == cfg.to_dict()
    options.replicate_model(cfg)
    assert 'Sharded' not in cfg.model_wrapper_cfg.type


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(launcher='none'), 'tools/dist_train.sh CONFIG GPUS --fsdp'),
        (dict(custom_hooks=[dict(type='EMAHook')]), 'EMAHook copies the model'),
        (dict(default_hooks=dict(a=dict(type='mmdet.MeanTeacherHook'))), 'MeanTeacher'),
        (dict(runner_type='FlexibleRunner'), 'not FlexibleRunner'),
        (dict(model_wrapper_cfg=dict(type='MyWrapper')), 'wraps the model, by MyWrapper'),
        (dict(optim_wrapper=dict(type='AmpOptimWrapper', optimizer={})), 'amp bfloat16'),
        (dict(optim_wrapper=dict(a={}, b={})), '--fsdp works with one optimizer'),
    ],
)
def test_what_cannot_be_sharded_is_refused(settings, message):
    cfg = create_config()
    for key, value in settings.items():
        cfg[key] = value
    with pytest.raises(UserError, match=message):
        apply(cfg, '--fsdp')


def test_a_learning_rate_that_is_not_scaled_is_not_reported(capsys):
    cfg = create_config(
        train_dataloader=dict(batch_size=4), auto_scale_lr=dict(base_batch_size=16)
    )
    cfg = apply(cfg, '--accumulate', '2')
    runner = SimpleNamespace(cfg=cfg, auto_scale_lr=cfg.auto_scale_lr)
    options.count_accumulated_steps(runner)
    assert runner.auto_scale_lr.base_batch_size == 16
    assert 'learning rate' not in capsys.readouterr().out
