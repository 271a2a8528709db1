"""EAMLP-7 on ImageNet-1K. Paper: 68.9 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_eamlp.py',
    '_base_/datasets/imagenet_batch_512.py',
    '_base_/schedules/schedule_310e_eamlp.py',
    '_base_/runtimes/mmpretrain_ema.py',
]
model = dict(backbone=dict(arch='7'), head=dict(in_channels=256))
