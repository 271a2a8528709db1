"""Semantic FPN with PoolFormer-S36 on ADE20K. Paper: 42.0 mIoU."""

_base_ = [
    '_base_/models/sem_fpn_poolformer.py',
    '_base_/datasets/ade20k_batch_32.py',
    '_base_/schedules/schedule_40k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='s36',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s36.pth.tar'
        ),
    )
)
