"""ImageNet-1K with 64 images per device, 512 on 8 devices."""

_base_ = 'imagenet.py'
train_dataloader = dict(batch_size=64)
auto_scale_lr = dict(base_batch_size=512)
