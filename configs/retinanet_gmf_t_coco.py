"""RetinaNet with GroupMixFormer-T on COCO, 3x. Paper: 46.3 box AP."""

_base_ = [
    '_base_/models/retinanet_gmf.py',
    '_base_/datasets/coco_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='t', init_cfg=dict(checkpoint='pretrained/groupmixformer_tiny.pth')
    ),
    neck=dict(in_channels=[160, 200, 240]),
)
