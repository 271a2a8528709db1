"""ADE20K with batch 4 a device: 8 devices make 32."""
_base_ = 'ade20k.py'
train_dataloader = dict(batch_size=4)
auto_scale_lr = dict(base_batch_size=32)
