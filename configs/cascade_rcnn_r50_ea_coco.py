"""Cascade R-CNN, ResNet-50, EA, COCO 1x. The paper: 41.4 box AP, 40.3 without EA."""

_base_ = [
    '_base_/models/cascade_rcnn.py',
    '_base_/models/resnet50_ea.py',
    '_base_/datasets/coco.py',
    '_base_/schedules/schedule_1x_sgd.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone={{_base_.resnet50_ea}}, neck=dict(in_channels=[256, 512, 1024, 2048])
)
