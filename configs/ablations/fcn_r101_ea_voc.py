"""FCN, ResNet-101, EA, on VOC. The paper: 78.3 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='mmgroupmix://resnet101_v1s'))
)
