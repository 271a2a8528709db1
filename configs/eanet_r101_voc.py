"""EANet with ResNet-101 on Pascal VOC, first of two steps, trained on train-aug."""

_base_ = [
    '_base_/models/eanet.py',
    '_base_/datasets/voc12_aug.py',
    '_base_/schedules/schedule_45k_sgd.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(data_preprocessor=dict(size={{_base_.crop_size}}))
