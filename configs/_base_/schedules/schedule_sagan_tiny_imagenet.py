"""SAGAN's settings for Tiny-ImageNet in PyTorch-StudioGAN: rates and betas."""

_base_ = 'schedule_100k_gan.py'
optim_wrapper = dict(
    generator=dict(optimizer=dict(lr=1e-4, betas=(0.0, 0.999))),
    discriminator=dict(optimizer=dict(lr=4e-4, betas=(0.0, 0.999))),
)
