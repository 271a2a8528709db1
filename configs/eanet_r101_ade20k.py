"""EANet with ResNet-101 on ADE20K, 160k iterations. Paper: 45.33 val mIoU."""

_base_ = [
    '_base_/models/eanet_d8.py',
    '_base_/datasets/ade20k.py',
    '_base_/schedules/schedule_160k_sgd.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(decode_head=dict(num_classes=150), auxiliary_head=dict(num_classes=150))
