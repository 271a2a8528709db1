"""RetinaNet with GroupMixFormer-S on COCO, 3x. The paper has no figure for it."""
_base_ = [
    '_base_/retinanet_gmf.py',
    '_base_/coco_multi_scale.py',
    '_base_/schedule_3x_gmf.py',
    '_base_/mmdet_runtime.py',
]
model = dict(
    backbone=dict(
        arch='s', init_cfg=dict(checkpoint='pretrained/groupmixformer_small.pth')),
    neck=dict(in_channels=[160, 320, 320]))
