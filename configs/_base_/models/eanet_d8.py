"""EANet with mmsegmentation's usual ResNet-101 at output stride 8.

The paper used mmsegmentation for ADE20K and Cityscapes. That code is not published, and
the text states only the number of iterations. All other settings are therefore the usual
ones of mmsegmentation: the stem, dilations without a multi-grid, an auxiliary FCN head on
stage 3, crops, batch size and SGD.
"""

_base_ = 'eanet.py'
model = dict(
    backbone=dict(
        stem_channels=64,
        multi_grid=None,
        init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c'),
    ),
    decode_head=dict(align_corners=False),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4),
    ),
)
