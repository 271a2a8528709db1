"""RetinaNet with GroupMixFormer-M on COCO, 3x. The paper has no figure for it."""
_base_ = [
    '_base_/retinanet_gmf.py',
    '_base_/coco_multi_scale.py',
    '_base_/schedule_3x_gmf.py',
    '_base_/mmdet_runtime.py',
]
model = dict(
    backbone=dict(
        arch='m', init_cfg=dict(checkpoint='pretrained/groupmixformer_mobile.pth')),
    neck=dict(in_channels=[80, 160, 160]))
