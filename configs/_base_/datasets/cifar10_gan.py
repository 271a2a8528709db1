"""CIFAR-10, 32 px, for GANs: training images flipped at random, all test images."""

train_dataloader = dict(
    batch_size=5 * 64,  # five steps of the discriminator
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmgroupmix.CIFAR10Images',
        data_root='data/cifar10',
        split='train',
        pipeline=[dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')],
    ),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='mmgroupmix.CIFAR10Images',
        data_root='data/cifar10',
        split='test',
        pipeline=[dict(type='PackInputs')],
    ),
)
test_dataloader = val_dataloader
