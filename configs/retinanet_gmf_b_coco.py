"""RetinaNet with GroupMixFormer-B on COCO, 3x. Paper: 50.2 box AP."""

_base_ = [
    '_base_/models/retinanet_gmf.py',
    '_base_/datasets/coco_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='b', init_cfg=dict(checkpoint='pretrained/groupmixformer_base.pth')
    ),
    neck=dict(in_channels=[240, 320, 480]),
)
