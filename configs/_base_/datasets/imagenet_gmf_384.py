"""ImageNet-1K at 384x384, tested on images with a short side of 438 pixels.

438 is 256 / 224 of 384, as in GroupMixFormer's published data/build.py.
"""

_base_ = 'imagenet_384.py'
test_pipeline = [
    dict(step, scale=438) if step.type == 'ResizeEdge' else step
    for step in _base_.test_pipeline
]
train_dataloader = dict(batch_size=128)
val_dataloader = dict(batch_size=128, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=1024)
