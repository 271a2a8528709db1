"""Detectors with external attention equal those of mmdetection in all other respects."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.models import ExternalAttentionBlock

from .experiments import build, describe_optimizer, find_unused_parameters, read

# mmdetection's config of the same detector without external attention.
DETECTORS = {
    'faster_rcnn': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'mask_rcnn': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
    'retinanet': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'cascade_rcnn': 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py',
    'cascade_mask_rcnn': 'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py',
}
COVERED = [f'{name}_r50_ea_coco' for name in DETECTORS]


@cache
def read_mmdet_config(file):
    path = Path(find_spec('mmdet').origin).parent / '.mim' / 'configs' / file
    if not path.is_file():
        pytest.skip('mmdet is installed without its configs')
    return Config.fromfile(path)


def read_detector(name):
    return read(f'{name}_r50_ea_coco')


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_is_mmdetections_with_an_additional_block(name):
    # On one device, the block's SyncBN becomes BN, as in mmdetection's config.
    ours = build(read_detector(name), 'meta')
    theirs = build(read_mmdet_config(DETECTORS[name]), 'meta')
    names = {key: value.shape for key, value in ours.state_dict().items()}
    with torch.device('meta'):
        block = ExternalAttentionBlock(2048).state_dict()
    prefix = 'backbone.external_attention.'
    assert {key: names.pop(prefix + key) for key in block} == {
        key: value.shape for key, value in block.items()
    }
    assert names == {key: value.shape for key, value in theirs.state_dict().items()}


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_has_the_names_and_frozen_stages_of_mmdetections_resnet_50(name):
    cfg = read_detector(name)
    ours = build(cfg, 'meta').backbone
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        plain = MODELS.build(
            dict(
                type='ResNet', depth=50, frozen_stages=1, norm_eval=True, style='pytorch'
            )
        )
    trained = {
        key: p.requires_grad
        for key, p in ours.named_parameters()
        if not key.startswith('external_attention.')
    }
    assert trained == {key: p.requires_grad for key, p in plain.named_parameters()}
    assert cfg.model.backbone.init_cfg == dict(
        type='Pretrained', checkpoint='torchvision://resnet50'
    )
    ours.train()
    assert not ours.layer2[0].bn1.training


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_is_trained_as_mmdetections(name):
    ours, theirs = read_detector(name), read_mmdet_config(DETECTORS[name])
    assert describe_optimizer(ours) == describe_optimizer(theirs)
    assert describe_optimizer(ours) == (
        'SGD',
        0.01 if name == 'retinanet' else 0.02,
        0.9,
        1e-4,
    )
    assert [dict(s) for s in ours.param_scheduler] == [
        dict(s) for s in theirs.param_scheduler
    ]
    assert ours.train_cfg == theirs.train_cfg
    for part in ('rpn', 'rpn_proposal', 'assigner', 'sampler'):
        assert ours.model.train_cfg.get(part) == theirs.model.train_cfg.get(part)
    stages, expected = (cfg.model.train_cfg.get('rcnn', []) for cfg in (ours, theirs))
    for one, other in zip(
        *(s if isinstance(s, list) else [s] for s in (stages, expected)), strict=True
    ):
        assert {key: one[key] for key in other} == dict(other)
    assert ours.auto_scale_lr.base_batch_size == 16


@pytest.mark.parametrize('name', DETECTORS)
def test_the_neck_depends_on_all_parameters_of_backbone_and_neck(name):
    model = build(read_detector(name))
    maps = model.extract_feat(torch.randn(1, 3, 64, 96))
    assert len(maps) == 5
    unused = find_unused_parameters(model, maps)
    assert not [key for key in unused if key.startswith(('backbone', 'neck'))]
