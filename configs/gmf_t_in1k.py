"""GroupMixFormer-T on ImageNet-1K. Paper: 82.6 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf.py',
    '_base_/schedules/schedule_300e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
model = dict(backbone=dict(arch='t'), head=dict(in_channels=240))
