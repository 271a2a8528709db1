"""GroupMixFormer-S fine-tuned at 384x384 on ImageNet-1K. Paper: 85.0 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf_384.py',
    '_base_/schedules/schedule_30e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
model = dict(backbone=dict(arch='s'), head=dict(in_channels=320))
# The last checkpoint of gmf_s_in1k.py, or the published file converted by
# mmgroupmix.convert_state_dict(..., classifier=True).
load_from = 'work_dirs/gmf_s_in1k/epoch_300.pth'
