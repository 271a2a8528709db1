"""Semantic FPN with GroupMixFormer. An experiment sets its architecture and widths."""

_base_ = 'sem_fpn.py'
model = dict(
    backbone=dict(type='mmgroupmix.GroupMixFormer', norm_cfg={{_base_.norm_cfg}})
)
