"""Parameters with equal settings share one group of the optimizer."""

import pytest
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

SETTINGS = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1),
    paramwise_cfg=dict(
        custom_keys=dict(norm=dict(decay_mult=0.0), head=dict(lr_mult=10.0))
    ),
)


def build_model():
    block = nn.ModuleDict(dict(conv=nn.Conv2d(3, 8, 3), norm=nn.BatchNorm2d(8)))
    return nn.ModuleDict(dict(body=block, norm2=nn.LayerNorm(8), head=nn.Linear(8, 2)))


def get_settings(optimizer):
    """The settings of each parameter, whatever its group."""
    return {
        id(p): {k: v for k, v in group.items() if k != 'params'}
        for group in optimizer.param_groups
        for p in group['params']
    }


@pytest.mark.smoke
def test_every_parameter_has_the_setting_that_mmengine_gives_it():
    net = build_model()
    merged = build_optim_wrapper(
        net, dict(SETTINGS, constructor='mmgroupmix.GroupedOptimWrapperConstructor')
    )
    single = build_optim_wrapper(net, SETTINGS)
    assert get_settings(merged.optimizer) == get_settings(single.optimizer)
    assert len(single.optimizer.param_groups) == 8
    assert len(merged.optimizer.param_groups) == 3


@pytest.mark.smoke
def test_parameters_without_settings_are_one_group():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    merged = build_optim_wrapper(
        net, dict(SETTINGS, constructor='mmgroupmix.GroupedOptimWrapperConstructor')
    )
    (group,) = merged.optimizer.param_groups
    assert len(group['params']) == 4


@pytest.mark.smoke
def test_groups_differ_in_every_setting_that_a_config_can_name():
    net = build_model()
    settings = dict(SETTINGS)
    settings['paramwise_cfg'] = dict(
        custom_keys=dict(norm=dict(eps=1e-3), head=dict(betas=(0.5, 0.9)))
    )
    merged = build_optim_wrapper(
        net, dict(settings, constructor='mmgroupmix.GroupedOptimWrapperConstructor')
    )
    single = build_optim_wrapper(net, settings)
    assert get_settings(merged.optimizer) == get_settings(single.optimizer)
    assert len(merged.optimizer.param_groups) == 3
    parameters = [p for g in merged.optimizer.param_groups for p in g['params']]
    assert len(parameters) == len({id(p) for p in parameters}) == 8


@pytest.mark.smoke
def test_the_log_has_one_line_per_group_and_keeps_other_messages(monkeypatch):
    logger = MMLogger.get_instance('grouped_constructor', log_level='INFO')
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    messages = []
    monkeypatch.setattr(logger, 'callHandlers', lambda r: messages.append(r.getMessage()))
    build_optim_wrapper(
        build_model(),
        dict(SETTINGS, constructor='mmgroupmix.GroupedOptimWrapperConstructor'),
    )
    logger.info('paramwise_options of another optimizer')
    lines = [message for message in messages if 'param' in message]
    assert [line.partition(',')[0] for line in lines] == [
        '2 parameters with the settings of the optimizer',
        '4 parameters with lr=0.001',
        '2 parameters with lr=0.01',
        'paramwise_options of another optimizer',
    ]
