"""Semantic FPN on GroupMixFormer; arch and widths are the experiment's."""

_base_ = 'sem_fpn.py'
model = dict(
    backbone=dict(type='mmgroupmix.GroupMixFormer', norm_cfg={{_base_.norm_cfg}})
)
