"""EANet (arXiv 2105.02358) with ResNet-101 at output stride 8, as in its published code.

Unlike in mmsegmentation's usual ResNetV1c, the stem has 64, 64 and 128 channels, and the
last stage has a multi-grid of dilations. `mmgroupmix.checkpoints.convert_eanet` converts
published checkpoints to this model.
"""

_base_ = 'segmentor.py'
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=101,
        stem_channels=128,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        multi_grid=(2, 8, 16),
        contract_dilation=True,
        norm_cfg={{_base_.norm_cfg}},
        init_cfg=dict(checkpoint='mmgroupmix://resnet101_encoding'),
    ),
    decode_head=dict(
        type='mmgroupmix.EAHead',
        in_channels=2048,
        in_index=3,
        num_classes=21,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=True,
    ),
)
