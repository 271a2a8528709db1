"""FCN, ResNet-50, self-attention with double norm, VOC. The paper: 76.6 mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(attention='self', norm='double'))
