"""The published EANet builds from its own two arguments."""

import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def build(**arguments):
    with torch.device('meta'):
        return MODELS.build(dict(type='mmgroupmix.EANet', **arguments))


def test_it_is_the_published_segmentor():
    pytest.importorskip('mmseg')
    model = build(n_classes=21, n_layers=50)
    # model_torch.py of the published code: layers, stem, multi-grid, fc0, fc1, fc2.
    layers = [getattr(model.backbone, f'layer{i}') for i in range(1, 5)]
    assert [len(layer) for layer in layers] == [3, 4, 6, 3]
    assert [block.conv2.dilation[0] for block in layers[3]] == [2, 8, 16]
    assert [m.out_channels for m in model.backbone.stem if isinstance(m, nn.Conv2d)] == [
        64,
        64,
        128,
    ]
    head = model.decode_head
    convs = head.conv_in.conv, head.conv_out.conv, head.conv_seg
    assert [(c.in_channels, c.out_channels) for c in convs] == [
        (2048, 512),
        (512, 256),
        (256, 21),
    ]
    assert head.align_corners and head.dropout.p == 0.1
    assert 'resnet50' in model.backbone.init_cfg['checkpoint']


@pytest.mark.parametrize(
    'arguments, checkpoint',
    [
        (dict(n_layers=101), 'mmgroupmix://resnet101_encoding'),
        (dict(n_layers=152), None),
        (dict(n_layers=50, pretrained=None), None),
        (dict(n_layers=50, pretrained='mine.pth'), 'mine.pth'),
    ],
)
def test_its_resnet_starts_from_the_published_file_or_the_given_one(
    arguments, checkpoint
):
    pytest.importorskip('mmseg')
    init_cfg = build(n_classes=2, **arguments).backbone.init_cfg
    # Without a file, mmsegmentation's ResNet has its own random initialisation.
    cfgs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg
    assert [cfg.get('checkpoint') for cfg in cfgs if 'checkpoint' in cfg] == (
        [checkpoint] if checkpoint else []
    )


def test_the_arguments_of_a_head_build_the_head():
    pytest.importorskip('mmseg')
    head = build(in_channels=8, channels=8, num_classes=3)
    assert type(head).__name__ == 'EAHead'


@pytest.mark.parametrize(
    'arguments, reason',
    [
        (dict(n_classes=21, n_layers=18), 'n_layers=18, expected 50, 101 or 152'),
        (dict(n_layers=50), 'n_classes=None'),
        (dict(n_classes=21, n_layers=50, backbone={}), "no argument 'backbone'"),
    ],
)
def test_what_it_does_not_have_is_named(arguments, reason):
    pytest.importorskip('mmseg')
    with pytest.raises(UserError, match=reason):
        build(**arguments)
