"""Faster R-CNN, ResNet-50 and EA, COCO 1x. The paper: 38.5 box AP, 37.4 without EA."""
_base_ = [
    '_base_/faster_rcnn.py',
    '_base_/resnet50_ea.py',
    '_base_/coco.py',
    '_base_/schedule_1x_sgd.py',
    '_base_/mmdet_runtime.py',
]
model = dict(
    backbone={{_base_.resnet50_ea}},
    neck=dict(in_channels=[256, 512, 1024, 2048]))
