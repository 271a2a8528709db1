"""ImageNet-1K at 384x384, batch 64 a device: 8 devices make 512."""

_base_ = 'imagenet_batch_512.py'
train_pipeline = [
    dict(step, scale=384) if step.type == 'RandomResizedCrop' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # The crop is 0.9 of the image, as at 224 pixels.
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
