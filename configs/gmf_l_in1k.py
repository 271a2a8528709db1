"""GroupMixFormer-L on ImageNet-1K. Paper: 85.0 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf.py',
    '_base_/schedules/schedule_300e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
# Stochastic depth is 0.5, as in the paper; the published configuration has 0.1, "need to
# adjust". The sizes are those of the published code: 71.8 M parameters; paper: 70.3 M.
model = dict(backbone=dict(arch='l'), head=dict(in_channels=480))
