"""ImageNet-1K, tested on crops of 224 pixels of images with a short side of 256.

GroupMixFormer's published data/build.py tests in this way, as Swin does. Its training
data are augmented as in DeiT.
"""

_base_ = 'imagenet.py'
test_pipeline = [
    dict(step, scale=256) if step.type == 'ResizeEdge' else step
    for step in _base_.test_pipeline
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
