"""Bytes that are counted, against numbers that can be derived by hand."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmgroupmix.apis.benchmarking.memory import (
    count_held_bytes,
    count_saved_bytes,
    measure_peak,
)
from mmgroupmix.apis.benchmarking.passes import OPTIMIZERS, Step, compute_loss
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke

FLOAT32 = 4
IMAGES = torch.ones(8, 10)


def count_saved(model, forward=None):
    return count_saved_bytes(lambda: (forward or model)(IMAGES), model)


def test_a_linear_layer_keeps_its_input_and_relu_its_output():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU())
    assert count_saved(model) == FLOAT32 * 8 * (10 + 20)


def test_a_tensor_that_two_layers_keep_counts_once():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))
    # The second layer keeps what ReLU keeps, and its weight, which does not count.
    assert count_saved(model) == FLOAT32 * 8 * (10 + 20)


def test_a_view_counts_with_the_storage_that_it_keeps_alive():
    model = nn.Linear(10, 20)
    wide = torch.ones(8, 30)
    saved = count_saved_bytes(lambda: model(wide[:, :10]), model)
    assert saved == FLOAT32 * 8 * 30


def test_a_checkpointed_block_keeps_its_input_alone():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU())
    saved = count_saved(
        model, lambda images: checkpoint(model, images, use_reentrant=False)
    )
    assert saved == FLOAT32 * 8 * 10


def test_what_is_released_before_the_end_of_the_pass_does_not_count():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU())

    def forward(images):
        model(images)  # its graph is dropped at once
        return model(images)

    assert count_saved(model, forward) == FLOAT32 * 8 * (10 + 20)


def test_nothing_is_kept_where_nothing_is_trained():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU()).requires_grad_(False)
    assert count_saved(model) == 0


def test_weights_buffers_and_the_state_of_the_optimizer_are_held():
    model = nn.Sequential(nn.Linear(10, 20), nn.BatchNorm1d(20))
    weights = FLOAT32 * (10 * 20 + 20 + 2 * 20)
    buffers = FLOAT32 * 2 * 20 + 8  # means, variances, and the number of batches
    assert count_held_bytes(model) == weights + buffers
    optimizer = OPTIMIZERS['sgd'](model.parameters())
    assert count_held_bytes(model, optimizer) == weights + buffers
    Step(model, IMAGES, training=True, optimizer=optimizer)()
    assert count_held_bytes(model, optimizer) == 2 * weights + buffers  # momentum


def test_the_peak_of_a_step_is_what_it_takes_at_once():
    held = []

    def step():
        held.append(torch.ones(2**24))  # 64 MiB
        torch.ones(2**23)  # 32 MiB, released
        torch.ones(2**23)

    peak = measure_peak(step, torch.device('cpu'))
    if peak is None:
        pytest.skip('the peak of this process cannot be reset')
    # Pages of the interpreter itself may come or go.
    assert peak == pytest.approx(96 * 2**20, abs=8 * 2**20)


def test_a_training_step_changes_the_weights_with_an_optimizer_only():
    for name in (None, *OPTIMIZERS):
        model = nn.Linear(10, 20)
        before = model.weight.detach().clone()
        optimizer = OPTIMIZERS[name](model.parameters()) if name else None
        Step(model, IMAGES, training=True, optimizer=optimizer)()
        assert torch.equal(before, model.weight) is (name is None)
        assert model.weight.grad is None


def test_the_loss_adds_the_mean_squares_of_all_outputs_with_a_gradient():
    a, b = (torch.full((2, 3), value, requires_grad=True) for value in (2.0, 3.0))
    outputs = (a, dict(first=[b.bfloat16()]), torch.full((2,), 100.0), None)
    assert compute_loss(outputs).item() == 4 + 9


def test_a_model_without_a_gradient_cannot_be_trained():
    with pytest.raises(UserError, match='nothing to train'):
        compute_loss((torch.ones(2), torch.ones(3)))


def test_autocast_reaches_the_model_and_pure_precision_its_weights():
    model = nn.Linear(10, 20)
    step = Step(model, IMAGES, training=True, autocast=torch.bfloat16)
    assert step.forward().dtype == torch.bfloat16
    assert Step(model, IMAGES, training=True).forward().dtype == torch.float32
