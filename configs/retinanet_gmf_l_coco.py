"""RetinaNet with GroupMixFormer-L on COCO, 3x. Not reported in the paper."""

_base_ = [
    '_base_/models/retinanet_gmf.py',
    '_base_/datasets/coco_multi_scale.py',
    '_base_/schedules/schedule_3x_gmf.py',
    '_base_/runtimes/mmdet.py',
]
# No weights have been released: the file is the last checkpoint of gmf_l_in1k.py.
model = dict(
    backbone=dict(
        arch='l', init_cfg=dict(checkpoint='work_dirs/gmf_l_in1k/epoch_300.pth')
    ),
    neck=dict(in_channels=[320, 360, 480]),
)
