"""PoolFormer-S12 on ImageNet-1K. The paper reports 77.2 top-1."""
_base_ = [
    '_base_/classifier_poolformer.py',
    '_base_/imagenet.py',
    '_base_/schedule_300e.py',
    '_base_/mmpretrain_runtime.py',
]
model = dict(backbone=dict(arch='s12'))
