"""FCN, ResNet-50, EA with a softmax, on VOC. The paper: 75.3 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(norm='softmax'))
