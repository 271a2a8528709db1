"""RetinaNet on PoolFormer, at the widths of the S sizes; arch is the experiment's."""

_base_ = 'retinanet.py'
model = dict(
    # The published dense experiments train without stochastic depth.
    backbone=dict(type='mmgroupmix.PoolFormer', drop_path_rate=0.0),
    neck=dict(in_channels=[128, 320, 512]),
)
