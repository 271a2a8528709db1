"""PoolFormer-M48 on ImageNet-1K. Paper: 82.5 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_poolformer.py',
    '_base_/datasets/imagenet.py',
    '_base_/schedules/schedule_310e.py',
    '_base_/runtimes/mmpretrain.py',
]
model = dict(backbone=dict(arch='m48'), head=dict(in_channels=768))
val_dataloader = dict(dataset=dict(pipeline={{_base_.crop_95_pipeline}}))
test_dataloader = val_dataloader
