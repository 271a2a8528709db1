"""FCN with ResNet-50 and EA with softmax on VOC. Paper: 75.3 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(norm='softmax'))
