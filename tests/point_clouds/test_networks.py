"""The networks against the published ones: a golden, and a plain formulation."""

import math
import re

import numpy as np
import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import (
    OffsetExternalAttention,
    OffsetSelfAttention,
    PartSegmentationTransformer,
    PointCloudTransformer,
)

from ..goldens import Golden, load_fill
from .published import attend, attend_externally, layer, part_weight_shapes, segment_parts

SMALL = dict(num_samples=(24, 16), num_neighbors=8)


def golden_points():
    """The input that the note of the golden describes."""
    points = np.random.default_rng(40).standard_normal((2, 1024, 3))
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    points *= np.random.default_rng(41).uniform(0.5, 1, (2, 1024, 1))
    return torch.from_numpy(points.astype(np.float32))


@pytest.fixture(scope='module')
def golden():
    return Golden('pct_classifier_40')


def test_the_classifier_computes_what_the_published_one_does(golden):
    network = PointCloudTransformer(40).eval()
    network.load_state_dict(golden.state_dict())
    with torch.no_grad():
        logits = network(golden_points())
    expected = golden.cases['1024']['logits']
    assert Golden.distance(logits, expected) < 1e-5
    assert logits.mean().item() == pytest.approx(expected['mean'], rel=1e-5)
    assert logits.std().item() == pytest.approx(expected['std'], rel=1e-5)
    assert logits.norm().item() == pytest.approx(expected['l2'], rel=1e-5)


@pytest.mark.smoke
def test_it_has_as_many_parameters_as_the_published_one(golden):
    network = PointCloudTransformer(40)
    assert sum(one.numel() for one in network.parameters()) == golden.params == 2876136


@pytest.mark.smoke
def test_the_shared_weight_of_queries_and_keys_loads_under_either_name(golden):
    weights = golden.state_dict()
    keys = [key for key in weights if 'k_conv' in key]
    assert len(keys) == 4
    for key in keys:
        weights[key.replace('k_conv', 'q_conv')] = weights.pop(key)
    network = PointCloudTransformer(40)
    network.load_state_dict(weights)
    loaded = network.attention[2].query_key.weight
    assert torch.equal(loaded, weights['pt_last.sa3.q_conv.weight'].squeeze(2))


@pytest.mark.smoke
def test_own_files_load_again_and_missing_weights_are_named(golden):
    network = PointCloudTransformer(40)
    network.load_state_dict(golden.state_dict())
    other = PointCloudTransformer(40)
    other.load_state_dict(network.state_dict())
    weights = golden.state_dict()
    del weights['gather_local_1.bn2.bias']
    with pytest.raises(RuntimeError, match=re.escape('group2.mlp.1.norm.bias')):
        other.load_state_dict(weights)


@pytest.mark.smoke
def test_the_order_of_points_matters_only_by_the_first_one():
    network = PointCloudTransformer(7, **SMALL).eval().double()
    points = torch.randn(2, 50, 3, dtype=torch.double)
    shuffled = torch.cat([points[:, :1], points[:, 1:].flip(1)], 1)
    with torch.no_grad():
        torch.testing.assert_close(network(points), network(shuffled))


@pytest.mark.smoke
@pytest.mark.parametrize('attention', ['OffsetSelfAttention', 'OffsetExternalAttention'])
@pytest.mark.parametrize('offset', [True, False])
def test_the_part_segmentor_computes_the_published_formulas(attention, offset):
    external = attention == 'OffsetExternalAttention'
    fill = load_fill().fill
    weights = {
        name: torch.from_numpy(fill(name.replace('q_conv', 'k_conv'), shape)).double()
        for name, shape in part_weight_shapes(external=external).items()
    }
    network = PartSegmentationTransformer(
        50, attention=dict(type=attention, offset=offset)
    )
    network = network.eval().double()
    given = {
        re.sub(r'sa(\d)\.memory', lambda m: f'attention.{int(m[1]) - 1}.attention.memory',
               name): value
        for name, value in weights.items()
    }  # fmt: skip
    network.load_state_dict(given)
    points, categories = torch.randn(2, 40, 3, dtype=torch.double), torch.tensor([3, 15])
    with torch.no_grad():
        output = network(points, categories)
    function = attend_externally if external else attend
    expected = segment_parts(weights, points, categories, function, offset)
    torch.testing.assert_close(output, expected)


@pytest.mark.smoke
@pytest.mark.parametrize('attention', ['OffsetSelfAttention', 'OffsetExternalAttention'])
def test_the_part_segmentor_has_the_parameters_of_its_layers(attention):
    external = attention == 'OffsetExternalAttention'
    counted = sum(
        math.prod(shape)
        for name, shape in part_weight_shapes(external=external).items()
        if not re.search('running|tracked|q_conv', name)
    )
    network = PartSegmentationTransformer(50, attention=attention)
    assert sum(one.numel() for one in network.parameters()) == counted


@pytest.mark.smoke
@pytest.mark.parametrize('offset', [True, False])
def test_gradients_are_those_of_the_formulas(offset):
    self_attention = OffsetSelfAttention(8, offset).eval().double()
    external = OffsetExternalAttention(8, 5, offset=offset).eval().double()
    torch.nn.init.normal_(external.attention.memory_value)
    for module, function in ((self_attention, attend), (external, attend_externally)):
        weights = {
            'a.trans_conv.weight': module.out.linear.weight.unsqueeze(2),
            'a.trans_conv.bias': module.out.linear.bias,
            **{f'a.after_norm.{k}': v for k, v in module.out.norm.state_dict().items()},
        }
        if module is self_attention:
            weights['a.k_conv.weight'] = module.query_key.weight.unsqueeze(2)
            weights['a.v_conv.weight'] = module.value.weight.unsqueeze(2)
            weights['a.v_conv.bias'] = module.value.bias
        else:
            weights['a.memory_key'] = module.attention.memory_key
            weights['a.memory_value'] = module.attention.memory_value
        x = torch.randn(2, 6, 8, dtype=torch.double, requires_grad=True)
        inputs = [x, *(p for n, p in module.named_parameters() if 'norm' not in n)]
        expected = layer(weights, 'a', x.transpose(1, 2), function, offset)
        weighted = (expected.transpose(1, 2) * torch.arange(8)).sum()
        target = torch.autograd.grad(weighted, inputs)
        gradient = torch.autograd.grad((module(x) * torch.arange(8)).sum(), inputs)
        torch.testing.assert_close(gradient, target)


@pytest.mark.smoke
def test_neighbor_embedding_computes_the_formulas_of_the_paper():
    network = PointCloudTransformer(3, **SMALL).eval().double()
    group = network.group1
    points = torch.randn(1, 30, 3, dtype=torch.double)
    features = torch.randn(1, 30, 64, dtype=torch.double)
    with torch.no_grad():
        centres, embedded = group(points, features)
        for centre, output in zip(centres[0], embedded[0]):
            distances = (points[0] - centre).square().sum(1)
            feature = features[0][distances.argmin()]
            pairs = torch.stack([
                torch.cat([features[0][i] - feature, feature])
                for i in distances.argsort()[:8]
            ])  # fmt: skip
            torch.testing.assert_close(group.mlp(pairs).max(0).values, output)


@pytest.mark.smoke
def test_categories_change_the_parts_that_are_predicted():
    network = PartSegmentationTransformer(6, 3).eval()
    points = torch.randn(1, 20, 3).repeat(3, 1, 1)
    with torch.no_grad():
        first, second, again = network(points, torch.tensor([0, 1, 0]))
    assert not torch.allclose(first, second)
    torch.testing.assert_close(first, again)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: PointCloudTransformer(0), 'num_classes=0, expected an integer of at'),
        (
            lambda: PointCloudTransformer(40, num_samples=512),
            'num_samples=512, expected 2',
        ),
        (lambda: OffsetSelfAttention(6), 'dim=6, expected a multiple of 4'),
        (lambda: PointCloudTransformer(40, dropout=1), 'dropout=1, expected a number'),
        (lambda: PointCloudTransformer(40, 'Offset'), "attention='Offset', expected"),
        (
            lambda: PointCloudTransformer(40, dict(type='OffsetSelfAttention', heads=4)),
            "OffsetSelfAttention has no argument 'heads'",
        ),
        (
            lambda: PartSegmentationTransformer(
                50, attention=dict(type='OffsetExternalAttention', num_memories=0)
            ),
            'num_memories=0, expected an integer of at least 1',
        ),
        (
            lambda: PointCloudTransformer(40)(torch.zeros(2, 500, 3)),
            'num_samples=512, expected an integer from 1 to 500',
        ),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(build, message):
    with pytest.raises(UserError) as error:
        build()
    assert message in str(error.value)
    assert '\n' not in str(error.value)
