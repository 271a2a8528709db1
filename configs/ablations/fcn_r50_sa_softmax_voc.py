"""FCN, ResNet-50, self-attention, on VOC. The paper: 76.2 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(attention='self', norm='softmax'))
