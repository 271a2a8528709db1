"""EAMLP-7 trained from scratch at 384x384 on ImageNet-1K. Paper: 71.7 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_eamlp.py',
    '_base_/datasets/imagenet_384.py',
    '_base_/schedules/schedule_310e_eamlp.py',
    '_base_/runtimes/mmpretrain_ema.py',
]
model = dict(backbone=dict(arch='7', img_size=384), head=dict(in_channels=256))
