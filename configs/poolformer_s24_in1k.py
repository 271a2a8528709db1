"""PoolFormer-S24 on ImageNet-1K. Paper: 80.3 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_poolformer.py',
    '_base_/datasets/imagenet.py',
    '_base_/schedules/schedule_310e.py',
    '_base_/runtimes/mmpretrain.py',
]
model = dict(backbone=dict(arch='s24'))
