"""ImageNet-1K with batch 64 a device: 8 devices make 512."""

_base_ = 'imagenet.py'
train_dataloader = dict(batch_size=64)
auto_scale_lr = dict(base_batch_size=512)
