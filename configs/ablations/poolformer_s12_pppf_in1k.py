"""PoolFormer-S12 with a spatial FC in stage 4. Paper: 77.5 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(
    backbone=dict(
        token_mixers=[
            'Pooling',
            'Pooling',
            'Pooling',
            dict(type='SpatialFC', num_tokens=49),
        ]
    )
)
