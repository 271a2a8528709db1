"""EAMLP-19 on ImageNet-1K. Paper: 79.4 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_eamlp.py',
    '_base_/datasets/imagenet_batch_512.py',
    '_base_/schedules/schedule_310e.py',
    '_base_/runtimes/mmpretrain_ema.py',
]
model = dict(backbone=dict(arch='19'), head=dict(in_channels=448))
optim_wrapper = dict(optimizer=dict(weight_decay=0.065))
