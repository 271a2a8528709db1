"""mmdetection's usual ResNet-50 with external attention (EA) after stage 4."""

resnet50_ea = dict(
    type='mmgroupmix.WithExternalAttention',
    base='ResNet',
    external_attention=dict(channels=2048, norm_cfg=dict(type='SyncBN')),
    depth=50,
    frozen_stages=1,
    norm_cfg=dict(type='BN', requires_grad=True),
    norm_eval=True,
    style='pytorch',
    init_cfg=dict(checkpoint='torchvision://resnet50'),
)
