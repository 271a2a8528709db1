"""Operations of small models by kind, against numbers that can be counted by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmgroupmix.apis.benchmarking import operations
from mmgroupmix.apis.benchmarking.operations import KINDS, Counts, OperationCounter
from mmgroupmix.models.layers.mlp import Mlp
from mmgroupmix.models.layers.packed import pack_layers

pytestmark = pytest.mark.smoke

FLOAT32 = 4
PIXELS = 2 * 5 * 5
MAPS = torch.ones(2, 4, 5, 5)
LINEAR, DEPTHWISE = operations.LINEAR, operations.DEPTHWISE


def count(function):
    """The counts of the kinds that occur, without views."""
    with OperationCounter() as counter:
        function()
    counter.counts.pop(operations.VIEW)
    return {kind: counts for kind, counts in counter.counts.items() if counts.calls}


@torch.no_grad()
def count_inference(model, x):
    model(x)  # weights are laid out once, before
    return count(lambda: model(x))


def count_training(model, x):
    return count(lambda: model(x).sum().backward())


@pytest.mark.parametrize('folded', [False, True])
def test_a_linear_layer(folded):
    model = nn.Sequential(nn.Linear(3, 5))
    if folded:
        pack_layers(model)
    counts = count_inference(model, torch.ones(7, 3))
    sizes = 7 * 3 + 5 * 3 + 5 + 7 * 5
    assert counts == {LINEAR: Counts(1, 2 * 7 * 3 * 5, FLOAT32 * sizes)}


@pytest.mark.parametrize('folded', [False, True])
@pytest.mark.parametrize(
    'kind, groups, side',
    [
        (DEPTHWISE, 4, 3),
        (operations.CONVOLUTION, 2, 3),
        (operations.CONVOLUTION, 1, 3),
        (LINEAR, 1, 1),
    ],
)
def test_a_convolution(kind, groups, side, folded):
    conv = nn.Conv2d(4, 8, side, padding=side // 2, groups=groups)
    model = nn.Sequential(conv)
    if folded:
        pack_layers(model)
    x = MAPS.to(memory_format=torch.channels_last)
    weight = 8 * 4 // groups * side * side
    sizes = PIXELS * 4 + weight + 8 + PIXELS * 8
    expected = {kind: Counts(1, 2 * PIXELS * weight, FLOAT32 * sizes)}
    assert count_inference(model, x) == expected


def test_a_convolution_of_one_channel_is_not_depthwise():
    counts = count_inference(nn.Conv2d(1, 4, 3), torch.ones(2, 1, 5, 5))
    assert list(counts) == [operations.CONVOLUTION]


@pytest.mark.parametrize('groups', [1, 2, 4])
@pytest.mark.parametrize('kind', [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize('with_map, passes', [(False, 2), (True, 3)])
def test_each_gradient_of_a_convolution_takes_as_much_as_itself(
    kind, groups, with_map, passes
):
    conv = kind(4, 4, 3, stride=2, padding=1, groups=groups)
    x = MAPS.clone().requires_grad_(with_map)
    # A transposed convolution multiplies each pixel of its argument, of 5 x 5.
    pixels = PIXELS if kind is nn.ConvTranspose2d else 2 * 3 * 3
    total = sum(counts.operations for counts in count_training(conv, x).values())
    assert total == passes * 2 * pixels * 4 * 4 // groups * 9


@torch.no_grad()
def test_products_of_attention():
    q, k = torch.ones(2, 3, 4), torch.ones(2, 4, 5)
    (counts,) = count(lambda: q @ k).items()
    sizes = 2 * (3 * 4 + 4 * 5 + 3 * 5)
    assert counts == (
        operations.ATTENTION,
        Counts(1, 2 * 2 * 3 * 4 * 5, FLOAT32 * sizes),
    )


def test_fused_attention_and_its_gradient():
    q, k, v = (torch.ones(1, 2, 6, 8, requires_grad=True) for _ in range(3))
    product = 2 * 2 * 6 * 6 * 8
    forward = count(lambda: F.scaled_dot_product_attention(q, k, v).sum())
    # By hand: q k^T and its product with v.
    assert forward[operations.ATTENTION].operations == 2 * product
    both = count(lambda: F.scaled_dot_product_attention(q, k, v).sum().backward())
    # Backward: q k^T again, and two gradients of each of the two products.
    assert both[operations.ATTENTION].operations == (2 + 1 + 4) * product


def test_what_is_computed_again_in_the_backward_pass_counts_again():
    model = nn.Sequential(nn.Linear(3, 5), nn.GELU())
    x = torch.ones(7, 3)
    product = 2 * 7 * 3 * 5
    kept = count_training(model, x)
    again = count(
        lambda: checkpoint(model, x, use_reentrant=False).sum().backward(),
    )
    assert kept[LINEAR].operations == 2 * product  # and the gradient of the weight
    assert again[LINEAR].operations == 3 * product


def test_recomputed_activations_count_but_products_are_kept():
    x = torch.ones(7, 3)
    counts = count_training(Mlp(3, 5), x)
    # Both products, the gradients of both weights, and that of the hidden values.
    assert counts[LINEAR].operations == 5 * 2 * 7 * 3 * 5
    assert counts[operations.ACTIVATION].calls == 3  # forward, again, and its gradient


@pytest.mark.parametrize(
    'kind, layer',
    [
        (operations.NORM, nn.LayerNorm(5)),
        (operations.NORM, nn.GroupNorm(1, 4)),
        (operations.NORM, nn.BatchNorm2d(4, track_running_stats=False)),
        (operations.ACTIVATION, nn.GELU()),
        (operations.ACTIVATION, nn.Hardswish()),
        (operations.ACTIVATION, nn.ReLU()),
        (operations.ACTIVATION, nn.SiLU()),
        (operations.ACTIVATION, nn.Sigmoid()),
        (operations.SOFTMAX, nn.Softmax(-1)),
        (operations.POOLING, nn.AvgPool2d(3, 1, 1)),
        (operations.POOLING, nn.MaxPool2d(3, 1, 1)),
        (operations.POOLING, nn.AdaptiveAvgPool2d(2)),
    ],
    ids=str,
)
def test_kinds_are_recognised_with_their_gradients(kind, layer):
    counts = count_training(layer, MAPS.clone().requires_grad_())
    assert counts[kind] == Counts(2, 0, counts[kind].bytes)
    assert set(counts) - {kind} <= {operations.OTHER}  # the sum, and its gradient


@pytest.mark.parametrize(
    'copied',
    [
        lambda x: x.clone(),
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x.mT.flatten(),
        lambda x: torch.empty_like(x).copy_(x),
    ],
)
def test_a_copy_reads_and_writes_its_tensor(copied):
    counts = count(lambda: copied(MAPS))
    assert counts[operations.COPY] == Counts(1, 0, FLOAT32 * 2 * MAPS.numel())
    assert all(not counts[kind].bytes for kind in set(counts) - {operations.COPY})


def test_a_conversion_writes_the_new_type():
    counts = count(lambda: MAPS.bfloat16())
    assert counts == {operations.COPY: Counts(1, 0, (FLOAT32 + 2) * MAPS.numel())}


@pytest.mark.parametrize(
    'function, tensors',
    [
        (lambda x: x + x, 2),  # a tensor that is taken twice is read once
        (lambda x: x.add_(x), 2),
        (lambda x: x.mul_(2), 2),
        (lambda x: x.fill_(2), 1),
        (lambda x: torch.zeros(x.shape), 1),
        (lambda x: torch.empty(x.shape), 0),
        (lambda x: x[:1, :1, :1, :1].expand_as(x) + x, 2 + 1 / MAPS.numel()),
    ],
)
def test_bytes_are_those_that_are_read_and_written(function, tensors):
    counts = count(lambda: function(torch.ones(MAPS.shape)))
    ones = count(lambda: torch.ones(MAPS.shape))
    moved, made = (sum(c.bytes for c in found.values()) for found in (counts, ones))
    assert moved - made == FLOAT32 * round(tensors * MAPS.numel())


def test_views_move_nothing():
    with OperationCounter() as counter:
        MAPS.flatten(2).mT.split(2, dim=-1)[0].unsqueeze(0).detach()[0].expand(2, -1, -1)
    found = {kind: counts for kind, counts in counter.counts.items() if counts.calls}
    assert list(found) == [operations.VIEW]
    assert not found[operations.VIEW].bytes and found[operations.VIEW].calls >= 6


def test_an_operator_that_nobody_knows_is_among_everything_else():
    with torch.library._scoped_library('mmgroupmix_test', 'DEF') as library:
        library.define('mystery(Tensor x) -> Tensor')
        library.impl('mystery', lambda x: x.clone(), 'CPU')
        counts = count(lambda: torch.ops.mmgroupmix_test.mystery(MAPS))
    expected = Counts(1, 0, FLOAT32 * 2 * MAPS.numel())
    assert counts[operations.OTHER] == expected


def test_every_kind_is_counted_from_zero():
    with OperationCounter() as counter:
        pass
    assert counter.counts == {kind: Counts() for kind in KINDS}
