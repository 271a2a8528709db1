"""Detectors of mmdet train and predict without compiled operators."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope

from mmgroupmix.compat.mmcv_ext import StandInModule

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]

POOLFORMER = dict(
    type='mmgroupmix.PoolFormer',
    arch=dict(embed_dims=(8, 16, 24, 32), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1)),
)
RETINANET = {
    'bbox_head.in_channels': 32,
    'bbox_head.feat_channels': 32,
    'bbox_head.num_classes': 3,
}
MASK_RCNN = {
    'rpn_head.in_channels': 32,
    'rpn_head.feat_channels': 32,
    'roi_head.bbox_roi_extractor.out_channels': 32,
    'roi_head.bbox_head.in_channels': 32,
    'roi_head.bbox_head.fc_out_channels': 32,
    'roi_head.bbox_head.num_classes': 3,
    'roi_head.mask_roi_extractor.out_channels': 32,
    'roi_head.mask_head.in_channels': 32,
    'roi_head.mask_head.conv_out_channels': 32,
    'roi_head.mask_head.num_classes': 3,
}
TOOD = {**RETINANET, 'bbox_head.norm_cfg': dict(type='GN', num_groups=8)}
#: Its neck is an FPN and a DyHead, whose modulated convolutions share their offsets.
DYHEAD = {
    **RETINANET,
    'neck.0.out_channels': 32,
    'neck.1.in_channels': 32,
    'neck.1.out_channels': 32,
    'neck.1.num_blocks': 1,
}


@pytest.fixture(autouse=True)
def stand_in():
    module = pytest.importorskip('mmcv._ext', reason='mmcv is not installed')
    if not isinstance(module, StandInModule):
        pytest.skip('this mmcv has compiled operators')


def build_detector(file, changes):
    """A detector of a config of mmdet, made small, with a PoolFormer."""
    pytest.importorskip('mmdet.models', reason='mmdet does not import')
    from mmdet.registry import MODELS

    path = Path(find_spec('mmdet').origin).parent / '.mim' / 'configs' / file
    if not path.exists():
        pytest.skip('this mmdet was installed without its configs')
    cfg = Config.fromfile(path)
    cfg.model.backbone = POOLFORMER
    neck = cfg.model.neck[0] if isinstance(cfg.model.neck, list) else cfg.model.neck
    neck.update(in_channels=list(POOLFORMER['arch']['embed_dims']), out_channels=32)
    cfg.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize(
    'file, changes',
    [
        ('_base_/models/retinanet_r50_fpn.py', RETINANET),
        ('_base_/models/mask-rcnn_r50_fpn.py', MASK_RCNN),
        ('tood/tood_r50_fpn_1x_coco.py', TOOD),
        ('dyhead/atss_r50_fpn_dyhead_1x_coco.py', DYHEAD),
    ],
    ids=['retinanet', 'mask-rcnn', 'tood', 'dyhead'],
)
def test_detectors_train_and_predict_without_compiled_operators(file, changes, device):
    model = build_detector(file, changes).to(device)
    MessageHub.get_current_instance().update_info('epoch', 0)  # for TOOD
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    instances = InstanceData(
        bboxes=torch.tensor([[8.0, 8, 40, 48], [20, 4, 60, 30]]),
        labels=torch.tensor([0, 2]),
        masks=BitmapMasks(torch.ones(2, 64, 64, dtype=torch.uint8).numpy(), 64, 64),
    )
    sample = DetDataSample(
        gt_instances=instances,
        metainfo=dict(
            img_shape=(64, 64),
            ori_shape=(64, 64),
            pad_shape=(64, 64),
            batch_input_shape=(64, 64),
            scale_factor=(1.0, 1.0),
        ),
    )
    data = dict(
        inputs=[torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)],
        data_samples=[sample],
    )

    prepared = model.data_preprocessor(data, training=True)
    loss, _ = model.parse_losses(model(**prepared, mode='loss'))
    loss.backward()
    assert loss.isfinite()
    gradients = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert any(gradient.abs().max() > 0 for gradient in gradients)

    model.eval()
    predicted = model.test_step(data)[0].pred_instances
    assert predicted.bboxes.shape[1] == 4
    assert len(predicted) <= 100
