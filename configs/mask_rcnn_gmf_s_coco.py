"""Mask R-CNN with GroupMixFormer-S on COCO, 3x. Not reported in the paper."""

_base_ = [
    '_base_/models/mask_rcnn_gmf.py',
    '_base_/datasets/coco_masks_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='s', init_cfg=dict(checkpoint='pretrained/groupmixformer_small.pth')
    ),
    neck=dict(in_channels=[80, 160, 320, 320]),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
