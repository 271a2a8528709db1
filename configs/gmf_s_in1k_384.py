"""GroupMixFormer-S fine-tuned at 384x384 on ImageNet-1K. Paper: 85.0 top-1 accuracy."""

_base_ = [
    '_base_/models/classifier_gmf.py',
    '_base_/datasets/imagenet_gmf_384.py',
    '_base_/schedules/schedule_30e_gmf.py',
    '_base_/runtimes/mmpretrain.py',
]
checkpoint = 'pretrained/groupmixformer_small.pth'
model = dict(
    backbone=dict(arch='s', init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    head=dict(
        in_channels=320,
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
