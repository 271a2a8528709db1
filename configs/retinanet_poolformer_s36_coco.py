"""RetinaNet with PoolFormer-S36 on COCO, 1x. Paper: 39.5 box AP."""

_base_ = [
    '_base_/models/retinanet_poolformer.py',
    '_base_/datasets/coco.py',
    '_base_/schedules/schedule_1x.py',
    '_base_/runtimes/mmdet.py',
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
