"""RetinaNet with PoolFormer-S12 on COCO, 1x. Paper: 36.2 box AP."""

_base_ = [
    '_base_/models/retinanet_poolformer.py',
    '_base_/datasets/coco.py',
    '_base_/schedules/schedule_1x.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(
    backbone=dict(
        arch='s12',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s12.pth.tar'
        ),
    )
)
