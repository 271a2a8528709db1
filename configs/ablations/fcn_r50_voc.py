"""FCN with ResNet-50 and no attention on VOC. Paper: 75.7 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(attention=None))
