"""Faster R-CNN, ResNet-50 and EA, COCO 1x. The paper: 38.5 box AP, 37.4 without EA."""

_base_ = [
    '_base_/models/faster_rcnn.py',
    '_base_/models/resnet50_ea.py',
    '_base_/datasets/coco.py',
    '_base_/schedules/schedule_1x_sgd.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone={{_base_.resnet50_ea}}, neck=dict(in_channels=[256, 512, 1024, 2048])
)
