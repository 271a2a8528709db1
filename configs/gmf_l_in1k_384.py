"""GroupMixFormer-L fine-tuned at 384x384 on ImageNet-1K. Paper: 86.2 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf_384.py',
    '_base_/schedules/schedule_30e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
model = dict(backbone=dict(arch='l'), head=dict(in_channels=480))
# No weights have been released: this is the last checkpoint of gmf_l_in1k.py.
load_from = 'work_dirs/gmf_l_in1k/epoch_300.pth'
