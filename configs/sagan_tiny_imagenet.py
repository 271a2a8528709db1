"""SAGAN on Tiny-ImageNet. Paper: 51.414 FID, 8.342 IS (10k against validation)."""

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
