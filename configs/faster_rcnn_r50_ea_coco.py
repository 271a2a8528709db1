"""Faster R-CNN with ResNet-50 and EA on COCO, 1x."""

# Paper: 38.5 box AP, without EA 37.4.
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
