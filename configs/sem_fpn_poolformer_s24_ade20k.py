"""Semantic FPN with PoolFormer-S24 on ADE20K. Paper: 40.3 mIoU."""

_base_ = [
    '_base_/models/sem_fpn_poolformer.py',
    '_base_/datasets/ade20k_batch_32.py',
    '_base_/schedules/schedule_40k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='s24',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s24.pth.tar'
        ),
    )
)
