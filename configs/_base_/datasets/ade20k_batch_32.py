"""ADE20K with 4 images per device, 32 on 8 devices, tested at multiples of 32 pixels."""

_base_ = 'ade20k_multiples_of_32.py'
train_dataloader = dict(batch_size=4)
auto_scale_lr = dict(base_batch_size=32)
