"""Semantic FPN with PoolFormer-M36 on ADE20K. Paper: 42.4 mIoU."""

_base_ = [
    '_base_/models/sem_fpn_poolformer.py',
    '_base_/datasets/ade20k_batch_32.py',
    '_base_/schedules/schedule_40k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='m36',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_m36.pth.tar'
        ),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
