"""PoolFormer-S12 with BatchNorm. Paper: 76.4 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(norm_cfg=dict(type='BN')))
# The published training averages the batch statistics of all processes after each epoch.
custom_hooks = [*_base_.custom_hooks, dict(type='SyncBuffersHook')]
