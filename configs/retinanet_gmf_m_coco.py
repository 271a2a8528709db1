"""RetinaNet with GroupMixFormer-M on COCO, 3x. Not reported in the paper."""

_base_ = [
    '_base_/models/retinanet_gmf.py',
    '_base_/datasets/coco_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='m', init_cfg=dict(checkpoint='pretrained/groupmixformer_mobile.pth')
    ),
    neck=dict(in_channels=[80, 160, 160]),
)
