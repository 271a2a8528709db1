"""RetinaNet with PoolFormer, with the widths of the S architectures."""

_base_ = 'retinanet.py'
model = dict(
    # The published dense prediction models are trained without stochastic depth.
    backbone=dict(type='mmgroupmix.PoolFormer', drop_path_rate=0.0),
    neck=dict(in_channels=[128, 320, 512]),
)
