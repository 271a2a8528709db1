"""EAMLP-7 fine-tuned at 384x384 as in DeiT. Paper: 71.7 top-1 accuracy."""

# The paper does not give the recipe at this resolution.
_base_ = [
    '_base_/models/classifier_eamlp.py',
    '_base_/datasets/imagenet_384.py',
    '_base_/schedules/schedule_30e.py',
    '_base_/runtimes/mmpretrain_ema.py',
]
checkpoint = 'pretrained/eamlp_7.pth'
model = dict(
    backbone=dict(
        arch='7', img_size=384, init_cfg=dict(type='Pretrained', checkpoint=checkpoint)
    ),
    head=dict(
        in_channels=256,
        # `override` loads the classifier from its published names, 'head.*'.
        init_cfg=[
            dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
            dict(
                type='Pretrained',
                checkpoint=checkpoint,
                prefix='head',
                override=dict(name='fc'),
            ),
        ],
    ),
)
