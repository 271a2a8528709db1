"""EANet with ResNet-101 on Cityscapes, 80k iterations. Paper: 81.7 val mIoU."""

_base_ = [
    '_base_/models/eanet_d8.py',
    '_base_/datasets/cityscapes.py',
    '_base_/schedules/schedule_80k_sgd.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    data_preprocessor=dict(size={{_base_.crop_size}}),
    decode_head=dict(num_classes=19),
    auxiliary_head=dict(num_classes=19),
)
