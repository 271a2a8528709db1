"""EANet with ResNet-101 on Pascal VOC, the first of two steps: train-aug."""
_base_ = [
    '_base_/eanet.py',
    '_base_/voc12_aug.py',
    '_base_/schedule_45k_sgd.py',
    '_base_/mmseg_runtime.py',
]
model = dict(data_preprocessor=dict(size={{_base_.crop_size}}))
