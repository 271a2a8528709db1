"""FCN with ResNet-50 and doubly normalised self-attention on VOC. Paper: 76.6 mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(attention='self', norm='double'))
