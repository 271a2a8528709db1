"""Mask R-CNN with GroupMixFormer-T on COCO, 1x, the baseline of the paper's ablations."""

# Paper: 42.5 box AP, 39.7 mask AP.
_base_ = [
    '../_base_/models/mask_rcnn_gmf.py',
    '../_base_/datasets/coco_masks.py',
    '../_base_/schedules/schedule_1x_gmf.py',
    '../_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='t', init_cfg=dict(checkpoint='pretrained/groupmixformer_tiny.pth')
    ),
    neck=dict(in_channels=[80, 160, 200, 240]),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
