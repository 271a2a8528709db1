"""SAGAN on CIFAR-10. Paper: 14.498 FID, 8.626 IS (10k against the test set)."""

_base_ = [
    '_base_/models/sagan.py',
    '_base_/datasets/cifar10_gan.py',
    '_base_/schedules/schedule_sagan_cifar10.py',
    '_base_/runtimes/generation.py',
]
model = dict(
    discriminator_steps=5,
    generator=dict(img_size=32, num_classes=10),
    discriminator=dict(img_size=32, num_classes=10),
)
