"""PVT-Small with aggregators on q, k and v."""

# Paper: 80.6 top-1 accuracy, 79.8 without aggregators.
_base_ = '../gmf_t_in1k.py'
# mmdetection's PVT has no class token: its last map is averaged.
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmgroupmix.WithAggregators',
        base='mmdet.PyramidVisionTransformer',
        aggregators=dict(norm_cfg=dict(type='SyncBN')),
        num_layers=[3, 4, 6, 3],
        out_indices=(3,),
        drop_path_rate=0.1,
    ),
    head=dict(in_channels=512),
)
