"""The state of an optimizer is compared with the optimizer before it is loaded."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from mmgroupmix.checkpoints.optimizer_states import (
    check_optimizer_state,
    list_parameter_names,
    regroup,
)
from mmgroupmix.errors import CheckpointError

pytestmark = pytest.mark.smoke


def model(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.Linear(width, width))


def trained(kind, network, **options):
    """An optimizer that has done a step."""
    optimizer = kind(network.parameters(), lr=0.1, **options)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize('kind', [SGD, Adam, AdamW, RMSprop])
def test_the_state_of_the_same_optimizer_passes(kind):
    state = trained(kind, model()).state_dict()
    check_optimizer_state(state, kind(model().parameters(), lr=1), 'a.pth')


def test_adam_and_adamw_keep_the_same_state():
    state = trained(Adam, model()).state_dict()
    check_optimizer_state(state, AdamW(model().parameters()), 'a.pth')


@pytest.mark.parametrize('before, now', [(AdamW, SGD), (SGD, AdamW), (RMSprop, Adam)])
def test_another_kind_of_optimizer_is_refused(before, now):
    state = trained(before, model(), weight_decay=0.1).state_dict()
    with pytest.raises(CheckpointError, match=f'a.pth.*{now.__name__}.*different kinds'):
        check_optimizer_state(state, now(model().parameters(), lr=1), 'a.pth')


def test_a_state_of_another_shape_is_refused_with_both():
    state = trained(AdamW, model()).state_dict()
    with pytest.raises(CheckpointError, match=r'exp_avg of the shape \(3, 2\).*\(4, 2\)'):
        check_optimizer_state(state, AdamW(model(4).parameters()), 'a.pth')


def test_other_groups_are_refused_with_their_sizes():
    state = trained(AdamW, model()).state_dict()
    groups = [dict(params=[p]) for p in model().parameters()]
    with pytest.raises(CheckpointError, match='1 group of 4 param.*4 groups of 1, 1, 1'):
        check_optimizer_state(state, AdamW(groups), 'a.pth')


@pytest.mark.parametrize('state', [None, {}, dict(state={}, param_groups=[3])])
def test_what_is_not_a_state_is_refused(state):
    with pytest.raises(CheckpointError, match='holds no groups'):
        check_optimizer_state(state, AdamW(model().parameters()), 'a.pth')


class Factored(Optimizer):
    """Keeps a mean of each row, as Adafactor does."""

    def __init__(self, parameters):
        super().__init__(parameters, dict(lr=1))
        for parameter in self.param_groups[0]['params']:
            self.state[parameter]['rows'] = torch.zeros(len(parameter), 1)


def test_an_optimizer_outside_of_pytorch_may_keep_states_of_any_shape():
    check_optimizer_state(
        Factored(model().parameters()).state_dict(),
        Factored(model().parameters()),
        'a.pth',
    )


def test_parameters_that_are_grouped_differently_keep_their_state_by_name():
    network = model()
    before = trained(AdamW, network)
    names = list_parameter_names(network, before)
    weights = [p for p in network.parameters() if p.dim() == 2]
    biases = [p for p in network.parameters() if p.dim() == 1]
    groups = [dict(params=biases, weight_decay=0), dict(params=weights)]
    after = AdamW(groups, lr=0.5)
    state = copy.deepcopy(before.state_dict())
    assert regroup(state, names, list_parameter_names(network, after), after)
    after.load_state_dict(state)
    for parameter in network.parameters():
        expected = before.state[parameter]['exp_avg']
        assert torch.equal(after.state[parameter]['exp_avg'], expected)
    assert [group['weight_decay'] for group in after.param_groups] == [0, 0.01]


def test_a_state_of_the_same_groups_or_of_other_parameters_is_left():
    network = model()
    optimizer = trained(AdamW, network)
    names, state = list_parameter_names(network, optimizer), optimizer.state_dict()
    assert not regroup(state, names, names, optimizer)
    assert not regroup(state, [*names[1:], 'other'], names, optimizer)
    assert not regroup(state, None, names, optimizer)
