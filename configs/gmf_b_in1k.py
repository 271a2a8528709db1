"""GroupMixFormer-B on ImageNet-1K. Paper: 84.7 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf.py',
    '_base_/schedules/schedule_300e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
# Stochastic depth is 0.4, as in the paper; the published configuration has 0.5.
model = dict(backbone=dict(arch='b'), head=dict(in_channels=480))
