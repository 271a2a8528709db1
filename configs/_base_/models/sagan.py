"""SAGAN (arXiv 1805.08318) as in PyTorch-StudioGAN, without sizes and classes."""

model = dict(
    type='mmgroupmix.ConditionalGAN',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        to_rgb=True,
    ),
    generator=dict(
        type='mmgroupmix.SAGANGenerator', attention=dict(type='SelfAttention2d')
    ),
    discriminator=dict(
        type='mmgroupmix.SAGANDiscriminator', attention=dict(type='SelfAttention2d')
    ),
)
