"""ImageNet-1K, tested on crops of 224 pixels of images with a short side of 256.

GroupMixFormer's published data/build.py tests in this way, as Swin does. Its training
data are augmented as in DeiT.
"""

_base_ = 'imagenet.py'
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='ResizeEdge',
        scale=256,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
