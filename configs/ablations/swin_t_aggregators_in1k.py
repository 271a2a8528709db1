"""Swin-T with aggregators on q, k and v."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
# The recipe is GroupMixFormer's with Swin's stochastic depth and exemption from decay.
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmgroupmix.WithAggregators',
        base='SwinTransformer',
        aggregators=dict(norm_cfg=dict(type='SyncBN')),
        arch='tiny',
        img_size=224,
        drop_path_rate=0.2,
    ),
    head=dict(in_channels=768),
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'relative_position_bias_table': dict(decay_mult=0.0)})
)
