"""PoolFormer-S36 on ImageNet-1K. The paper reports 81.4 top-1."""
_base_ = [
    '_base_/classifier_poolformer.py',
    '_base_/imagenet.py',
    '_base_/schedule_300e.py',
    '_base_/mmpretrain_runtime.py',
]
model = dict(backbone=dict(arch='s36'))
