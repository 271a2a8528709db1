"""Whole configs of the toolboxes' and sail-sg's PoolFormer: `type` alone is changed."""

from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from ..models.small_backbones import MMPRETRAIN_ARGUMENTS, NANO

WIDTHS = list(NANO['embed_dims'])
SIZES = dict(layers=NANO['depths'], embed_dims=NANO['embed_dims'], mlp_ratios=(2,) * 4)
IMAGES = torch.rand(2, 3, 64, 64)
SMALL_IMAGES = IMAGES[:, :, :32, :32]


def read_shipped(toolbox, path):
    folder = Path(find_spec(toolbox).origin).parent / '.mim' / 'configs'
    if not (folder / path).is_file():
        pytest.skip(f'this {toolbox} does not ship {path}')
    return Config.fromfile(folder / path)


def build(model, scope):
    with DefaultScope.overwrite_default_scope(scope):
        return revert_sync_batchnorm(MODELS.build(deepcopy(model)))


def train_one_step(model, cfg, data):
    """A step of the optimizer, for which every parameter has a gradient or is frozen."""
    model.train()
    optimizer = build_optim_wrapper(model, cfg)
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    loss, _ = model.parse_losses(losses)
    assert torch.isfinite(loss)
    optimizer.backward(loss)
    for name, parameter in model.named_parameters():
        # A distributed run waits for the gradient of each parameter that needs one.
        assert (parameter.grad is not None) == parameter.requires_grad, name
    optimizer.step()


def test_mmpretrains_shipped_classifier_computes_the_same_and_trains():
    from mmpretrain.structures import DataSample

    shipped = 'poolformer/poolformer-s12_32xb128_in1k.py'
    cfg = read_shipped('mmpretrain', shipped)
    switched = deepcopy(cfg.model)
    switched.backbone.type = 'mmgroupmix.PoolFormer'
    theirs, ours = build(cfg.model, 'mmpretrain'), build(switched, 'mmpretrain')
    ours.load_state_dict(theirs.state_dict())
    theirs.eval()
    ours.eval()
    with torch.no_grad():
        logits = [model(SMALL_IMAGES, mode='tensor') for model in (theirs, ours)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)
    assert logits[0].shape == (2, 1000)
    data = dict(
        inputs=(SMALL_IMAGES * 255).byte(),
        data_samples=[DataSample().set_gt_label(label) for label in (0, 999)],
    )
    train_one_step(ours, dict(optimizer=dict(type='SGD', lr=0.01)), data)


def test_mmsegs_shipped_segmentor_trains_from_mmpretrains_file(tmp_path):
    from mmengine.structures import PixelData
    from mmpretrain.models import PoolFormer as Theirs
    from mmseg.structures import SegDataSample

    # The published file, with small sizes: a classifier's, with a prefix.
    published = {f'backbone.{k}': v for k, v in Theirs(SIZES).state_dict().items()}
    published['backbone.norm6.weight'] = torch.full((WIDTHS[3],), 3.0)
    torch.save({'state_dict': published}, tmp_path / 'poolformer.pth')
    norm_cfg = dict(type='SyncBN', requires_grad=True)
    # mmsegmentation's configs/_base_/models/fpn_poolformer_s12.py with these sizes.
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor', pad_val=0, seg_pad_val=255, size=(64, 64)
        ),
        backbone=dict(
            type='mmgroupmix.PoolFormer',
            arch=SIZES,
            init_cfg=dict(
                type='Pretrained',
                checkpoint=str(tmp_path / 'poolformer.pth'),
                prefix='backbone.',
            ),
            **MMPRETRAIN_ARGUMENTS,
        ),
        neck=dict(type='FPN', in_channels=WIDTHS, out_channels=16, num_outs=4),
        decode_head=dict(
            type='FPNHead',
            in_channels=[16] * 4,
            in_index=[0, 1, 2, 3],
            feature_strides=[4, 8, 16, 32],
            channels=16,
            dropout_ratio=0.1,
            num_classes=3,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0),
        ),
        train_cfg={},
        test_cfg=dict(mode='whole'),
    )
    segmentor = build(model, 'mmseg')
    segmentor.init_weights()
    stem = published['backbone.patch_embed.proj.weight']
    assert torch.equal(segmentor.backbone.stem.weight, stem)
    assert (segmentor.backbone.out_norms[3].weight == 3).all()
    labels = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(3, (1, 64, 64))))
    labels.set_metainfo(dict(img_shape=(64, 64)))
    data = dict(
        inputs=list((IMAGES * 255).byte()), data_samples=[deepcopy(labels), labels]
    )
    cfg = dict(optimizer=dict(type='AdamW', lr=0.0002))
    train_one_step(segmentor, cfg, data)
    assert torch.equal(segmentor.backbone.stem.weight, stem)  # frozen_stages=0


def test_sail_sgs_detector_on_mmdets_base_trains():
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    cfg = read_shipped('mmdet', '_base_/models/retinanet_r50_fpn.py')
    # sail-sg's configs/retinanet_poolformer_s12_fpn_1x_coco.py, without its download.
    cfg.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(
                    type='mmgroupmix.poolformer_s12_feat', style='pytorch', init_cfg=None
                ),
                neck=dict(
                    in_channels=[64, 128, 320, 512], out_channels=16, start_level=0
                ),
                bbox_head=dict(in_channels=16, feat_channels=16, num_classes=3),
            )
        )
    )
    assert cfg.model.backbone.depth == 50  # merged, as there
    detector = build(cfg.model, 'mmdet')
    sample = DetDataSample(
        gt_instances=InstanceData(
            bboxes=torch.tensor([[8.0, 8.0, 40.0, 48.0]]), labels=torch.tensor([1])
        )
    )
    sample.set_metainfo(
        dict(img_shape=(64, 64), batch_input_shape=(64, 64), pad_shape=(64, 64))
    )
    data = dict(
        inputs=list((IMAGES * 255).byte()), data_samples=[deepcopy(sample), sample]
    )
    train_one_step(detector, dict(optimizer=dict(type='AdamW', lr=0.0001)), data)
