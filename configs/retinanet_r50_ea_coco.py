"""RetinaNet with ResNet-50 and EA on COCO, 1x."""

# Paper: 37.4 box AP, without EA 36.5.
_base_ = [
    '_base_/models/retinanet.py',
    '_base_/models/resnet50_ea.py',
    '_base_/datasets/coco.py',
    '_base_/schedules/schedule_1x_sgd.py',
    '_base_/runtimes/mmdet.py',
]
model = dict(backbone={{_base_.resnet50_ea}}, neck=dict(in_channels=[512, 1024, 2048]))
optim_wrapper = dict(optimizer=dict(lr=0.01))
