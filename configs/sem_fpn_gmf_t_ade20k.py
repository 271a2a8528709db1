"""Semantic FPN with GroupMixFormer-T on ADE20K. The paper reports 46.2 mIoU."""
_base_ = [
    '_base_/sem_fpn_gmf.py',
    '_base_/ade20k.py',
    '_base_/schedule_80k.py',
    '_base_/mmseg_runtime.py',
]
model = dict(
    backbone=dict(
        arch='t', init_cfg=dict(checkpoint='pretrained/groupmixformer_tiny.pth')),
    neck=dict(in_channels=[80, 160, 200, 240]))
