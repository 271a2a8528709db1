"""EAMLP-19 on ImageNet-1K. Paper: 79.4 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_eamlp.py',
    '_base_/datasets/imagenet_batch_512.py',
    '_base_/schedules/schedule_310e_eamlp.py',
    '_base_/runtimes/mmpretrain_ema.py',
]
model = dict(backbone=dict(arch='19'), head=dict(in_channels=448))
# Learning rate and weight decay are those of T2T-ViT-19: the paper gives none.
optim_wrapper = dict(optimizer=dict(lr=5e-4, weight_decay=0.065))
# The warm-up starts at 1e-6 here too.
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=2e-3),
    _base_.param_scheduler[1],
]
