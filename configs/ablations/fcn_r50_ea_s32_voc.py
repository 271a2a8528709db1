"""FCN, ResNet-50, EA with 32 memories, on VOC. The paper: 77.2 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(decode_head=dict(num_memories=32))
