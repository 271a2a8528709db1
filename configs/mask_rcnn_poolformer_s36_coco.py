"""Mask R-CNN with PoolFormer-S36 on COCO, 1x. Paper: 41.0 box AP, 37.7 mask AP."""

_base_ = [
    '_base_/models/mask_rcnn_poolformer.py',
    '_base_/datasets/coco_masks.py',
    '_base_/schedules/schedule_1x.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='s36',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s36.pth.tar'
        ),
    )
)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
