"""ImageNet-1K at 384x384 with 64 images per device, 512 on 8 devices."""

_base_ = 'imagenet_batch_512.py'
train_pipeline = [
    dict(step, scale=384) if step.type == 'RandomResizedCrop' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # 384 / 426: the crop takes 0.9 of the shorter side, as at 224 pixels.
    dict(
        type='ResizeEdge',
        scale=426,
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
