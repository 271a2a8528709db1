"""Segmentors and classifiers compile as one graph from images to logits."""

import pytest
import torch
from torch import nn

from mmgroupmix.apis.benchmarking.tensor_path import TensorPath
from mmgroupmix.models import EAHead

from ..configs.experiments import read
from ..models.compiled import compile_and_compare

DIMS = (10, 20, 30, 40)
ARCH = dict(embed_dims=DIMS, depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))


def read_small(name, **backbone):
    """The config of an experiment with a tiny backbone, without random numbers."""
    cfg = read(name)
    cfg.model.backbone.update(arch=ARCH, drop_path_rate=0.0, init_cfg=None, **backbone)
    return cfg


def build_classifier():
    cfg = read_small('poolformer_s12_in1k')
    cfg.model.head.in_channels = DIMS[-1]
    return TensorPath(cfg)


def build_segmentor():
    cfg = read_small('sem_fpn_poolformer_s12_ade20k')
    cfg.model.neck.update(in_channels=list(DIMS), out_channels=8)
    head = dict(in_channels=[8] * 4, channels=8, dropout_ratio=0)
    cfg.model.decode_head.update(head, norm_cfg=dict(type='BN'))
    return TensorPath(cfg)


class Head(nn.Module):
    def __init__(self, **arguments):
        super().__init__()
        self.head = EAHead(3, 8, num_classes=5, dropout_ratio=0, **arguments)

    def forward(self, x):
        return self.head((x,))


@pytest.mark.slow
@pytest.mark.parametrize('build', [build_classifier, build_segmentor])
def test_one_graph_serves_images_of_every_size(build):
    torch.manual_seed(0)
    assert compile_and_compare(build()) == 1


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('attention', ['external', 'self'])
def test_one_graph_serves_the_head_of_eanet_on_maps_of_every_size(attention, training):
    torch.manual_seed(0)
    sizes = ((9, 8), (6, 11))
    assert compile_and_compare(Head(attention=attention), training, sizes) == 1
