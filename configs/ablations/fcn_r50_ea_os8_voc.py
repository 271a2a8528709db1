"""FCN, ResNet-50, EA, output stride 8, on VOC. The paper: 77.8 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(
    backbone=dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), multi_grid=(2, 8, 16))
)
