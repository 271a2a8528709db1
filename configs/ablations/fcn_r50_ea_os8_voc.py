"""FCN with ResNet-50 at output stride 8 and EA on VOC. Paper: 77.8 val mIoU."""

_base_ = 'fcn_r50_ea_voc.py'
model = dict(
    backbone=dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), multi_grid=(2, 8, 16))
)
