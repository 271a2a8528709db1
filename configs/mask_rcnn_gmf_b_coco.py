"""Mask R-CNN with GroupMixFormer-B on COCO, 3x. Paper: 51.5 box AP, 45.9 mask AP."""

_base_ = [
    '_base_/models/mask_rcnn_gmf.py',
    '_base_/datasets/coco_masks_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='b', init_cfg=dict(checkpoint='pretrained/groupmixformer_base.pth')
    ),
    neck=dict(in_channels=[200, 240, 320, 480]),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
