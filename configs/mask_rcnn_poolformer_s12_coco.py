"""Mask R-CNN with PoolFormer-S12 on COCO, 1x. Paper: 37.3 box AP, 34.6 mask AP."""

_base_ = [
    '_base_/models/mask_rcnn_poolformer.py',
    '_base_/datasets/coco_masks.py',
    '_base_/schedules/schedule_1x.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='s12',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s12.pth.tar'
        ),
    )
)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
