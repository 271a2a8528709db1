"""RetinaNet with PoolFormer-S36 on COCO, 1x. The paper reports 39.5 box AP."""
_base_ = [
    '_base_/retinanet_poolformer.py',
    '_base_/coco.py',
    '_base_/schedule_1x.py',
    '_base_/mmdet_runtime.py',
]
model = dict(
    backbone=dict(
        arch='s36',
        init_cfg=dict(
            checkpoint='https://github.com/sail-sg/poolformer/releases/download/v1.0/'
            'poolformer_s36.pth.tar')))
