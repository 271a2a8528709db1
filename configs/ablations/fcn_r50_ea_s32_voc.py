"""FCN with ResNet-50 and EA (S = 32) on VOC. Paper: 77.2 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(num_memories=32))
