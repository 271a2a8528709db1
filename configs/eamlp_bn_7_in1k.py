"""EAMLP-7 with BatchNorm before the MLPs on ImageNet-1K. Paper: 70.0 top-1 accuracy."""

_base_ = 'eamlp_7_in1k.py'
model = dict(backbone=dict(mlp_norm_cfg=dict(type='BN')))
# The moving average of the weights needs that of the batch statistics.
default_hooks = dict(ema=dict(update_buffers=True))
