"""FCN with ResNet-101 and EA on VOC. Paper: 78.3 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='mmgroupmix://resnet101_encoding'))
)
