"""Parameter groups by setting instead of one a parameter."""

import pytest
from mmengine.optim import build_optim_wrapper
from torch import nn

SETTINGS = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1),
    paramwise_cfg=dict(
        custom_keys=dict(norm=dict(decay_mult=0.0), head=dict(lr_mult=10.0))
    ),
)


def model():
    block = nn.ModuleDict(dict(conv=nn.Conv2d(3, 8, 3), norm=nn.BatchNorm2d(8)))
    return nn.ModuleDict(dict(body=block, norm2=nn.LayerNorm(8), head=nn.Linear(8, 2)))


def settings_of(optimizer):
    return {
        id(p): (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for p in group['params']
    }


@pytest.mark.smoke
def test_every_parameter_has_the_setting_that_mmengine_gives_it():
    net = model()
    merged = build_optim_wrapper(
        net, dict(SETTINGS, constructor='mmgroupmix.GroupedOptimWrapperConstructor')
    )
    single = build_optim_wrapper(net, SETTINGS)
    assert settings_of(merged.optimizer) == settings_of(single.optimizer)
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
