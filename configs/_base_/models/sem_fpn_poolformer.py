"""Semantic FPN on PoolFormer, at the widths of the S sizes; arch is the experiment's."""

_base_ = 'sem_fpn.py'
model = dict(
    # The published dense experiments train without stochastic depth.
    backbone=dict(type='mmgroupmix.PoolFormer', drop_path_rate=0.0),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
