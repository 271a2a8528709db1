"""ImageNet-1K at 384x384, tested on images with a short side of 438 pixels.

438 is 256 / 224 of 384, as in GroupMixFormer's published data/build.py.
"""

_base_ = 'imagenet_gmf.py'
train_pipeline = [
    dict(step, scale=384) if step.type == 'RandomResizedCrop' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='ResizeEdge',
        scale=438,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', crop_size=384),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
