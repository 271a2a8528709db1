"""Semantic FPN with GroupMixFormer-T on ADE20K. Paper: 46.2 mIoU."""

_base_ = [
    '_base_/models/sem_fpn_gmf.py',
    '_base_/datasets/ade20k_multiples_of_32.py',
    '_base_/schedules/schedule_80k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='t', init_cfg=dict(checkpoint='pretrained/groupmixformer_tiny.pth')
    ),
    neck=dict(in_channels=[80, 160, 200, 240]),
)
