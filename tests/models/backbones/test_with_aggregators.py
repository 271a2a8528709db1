"""Aggregators on q, k and v of Swin Transformer and PVT."""

import importlib

import pytest
import torch
from mmengine.registry import MODELS

from mmgroupmix.errors import UserError

SWIN = dict(
    type='mmpretrain.SwinTransformer',
    arch=dict(embed_dims=16, depths=[2, 1, 1, 1], num_heads=[2, 2, 2, 2]),
    pad_small_map=True,
    out_indices=(0, 1, 2, 3),
)
PVT = dict(
    type='mmdet.PyramidVisionTransformer',
    embed_dims=8,
    num_layers=[1, 1, 1, 1],
    num_heads=[1, 2, 5, 4],
)
# They register their backbones; mmdet needs mmgroupmix to be imported before it.
for toolbox in ('mmdet', 'mmpretrain'):
    importlib.import_module(f'{toolbox}.models')
both = pytest.mark.parametrize('config', [SWIN, PVT], ids=['swin', 'pvt'])


def add(config, **aggregators):
    arguments = dict(config, type='mmgroupmix.WithAggregators', base=config['type'])
    if aggregators:
        arguments['aggregators'] = aggregators
    return MODELS.build(arguments)


def list_aggregators(backbone):
    return [m for m in backbone.modules() if type(m).__name__ == 'Aggregators']


def remove_aggregation(backbone):
    """Let every segment return what it is given, in the shape of proxies."""
    for aggregators in list_aggregators(backbone):
        for segment in aggregators.segments:
            segment.aggregate = lambda x, dim=segment.dim: x.flatten(1, 2).unflatten(
                -1, (-1, dim)
            )


@pytest.mark.smoke
@both
def test_pretrained_weights_of_the_backbone_load(config):
    own = MODELS.build(config)
    missing, unexpected = add(config).load_state_dict(own.state_dict(), strict=False)
    assert not unexpected
    assert missing and all('.aggregators.' in key for key in missing)


@pytest.mark.smoke
@both
def test_without_any_aggregation_the_outputs_are_the_backbones_own(config):
    own, backbone = MODELS.build(config), add(config)
    backbone.load_state_dict(own.state_dict(), strict=False)
    remove_aggregation(backbone)
    image = torch.randn(2, 3, 64, 96)
    own.eval()
    backbone.eval()
    for output, expected in zip(backbone(image), own(image)):
        torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
@both
def test_every_attention_aggregates_its_queries_keys_and_values(config):
    backbone = add(config)
    kinds = [type(m).__name__ for m in backbone.modules()]
    num_attentions = kinds.count('WindowMSA') + kinds.count('SpatialReductionAttention')
    assert kinds.count('Aggregators') == num_attentions > 0
    for aggregators in list_aggregators(backbone):
        sides = [s.aggregator.depthwise.kernel_size[0] for s in aggregators.segments[1:]]
        assert sides == [3, 5, 7]
    calls = []
    for aggregators in list_aggregators(backbone):
        aggregators.register_forward_hook(lambda m, i, o: calls.append(i[0].shape[3]))
    sum(out.sum() for out in backbone(torch.randn(2, 3, 64, 96))).backward()
    assert sum(calls) == 3 * num_attentions  # q, k and v of each
    gradients = [
        p.grad for key, p in backbone.named_parameters() if '.aggregators.' in key
    ]
    assert all(gradient is not None for gradient in gradients)


@pytest.mark.smoke
def test_segments_are_aggregated_with_their_neighbours():
    aggregators = list_aggregators(add(SWIN, kinds=['identity', 'max_pool'] * 2))[0]
    aggregators.eval()
    x = torch.zeros(1, 7, 7, 3, 16)
    x[0, 3, 3, 1] = 1  # one token of k
    output = aggregators(x)
    assert (output != 0).sum((0, 1, 2)).tolist() == [
        [0] * 16,
        [1] * 4 + [9] * 4 + [1] * 4 + [49] * 4,
        [0] * 16,
    ]


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        ({}, 'base=None, expected the type of the backbone'),
        (dict(base='mmpretrain.ResNet', depth=18), 'expected a backbone with attention'),
        (dict(SWIN, base='mmpretrain.SwinTransformr'), "did you mean 'mmpretrain.Swin"),
        (
            dict(SWIN, base=SWIN['type'], aggregators=dict(kernels=(3, 5, 7))),
            "has no argument 'kernels'",
        ),
    ],
)
def test_errors_name_what_was_given(arguments, message):
    arguments = dict(arguments, type='mmgroupmix.WithAggregators')
    with pytest.raises(UserError, match=message):
        MODELS.build(arguments)
