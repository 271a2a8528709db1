"""Semantic FPN with GroupMixFormer-M on ADE20K. Not reported in the paper."""

_base_ = [
    '_base_/models/sem_fpn_gmf.py',
    '_base_/datasets/ade20k_multiples_of_32.py',
    '_base_/schedules/schedule_80k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='m', init_cfg=dict(checkpoint='pretrained/groupmixformer_mobile.pth')
    ),
    neck=dict(in_channels=[40, 80, 160, 160]),
)
