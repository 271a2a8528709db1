"""SAGAN on Tiny-ImageNet, 64 px. Paper: FID 51.414, IS 8.342 (10k against validation)."""

_base_ = [
    '_base_/models/sagan.py',
    '_base_/datasets/tiny_imagenet_gan.py',
    '_base_/schedules/schedule_sagan_tiny_imagenet.py',
    '_base_/runtimes/generation.py',
]
model = dict(
    discriminator_steps=1,
    generator=dict(img_size=64, num_classes=200),
    discriminator=dict(img_size=64, num_classes=200),
)
