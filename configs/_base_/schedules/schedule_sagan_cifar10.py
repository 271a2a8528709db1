"""SAGAN's settings for CIFAR-10 in PyTorch-StudioGAN: rates and betas."""

_base_ = 'schedule_100k_gan.py'
optim_wrapper = dict(
    generator=dict(optimizer=dict(lr=2e-4, betas=(0.5, 0.999))),
    discriminator=dict(optimizer=dict(lr=2e-4, betas=(0.5, 0.999))),
)
