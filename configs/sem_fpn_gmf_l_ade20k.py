"""Semantic FPN with GroupMixFormer-L on ADE20K. Not reported in the paper."""

_base_ = [
    '_base_/models/sem_fpn_gmf.py',
    '_base_/datasets/ade20k_multiples_of_32.py',
    '_base_/schedules/schedule_80k.py',
    '_base_/runtimes/mmseg.py',
]
# No weights have been released: the file is the last checkpoint of gmf_l_in1k.py.
model = dict(
    backbone=dict(
        arch='l', init_cfg=dict(checkpoint='work_dirs/gmf_l_in1k/epoch_300.pth')
    ),
    neck=dict(in_channels=[240, 320, 360, 480]),
)
