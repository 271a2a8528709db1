"""PoolFormer-S12 with spatial FCs in stages 3 and 4. Paper: 77.9 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(
    backbone=dict(
        token_mixers=[
            'Pooling',
            'Pooling',
            dict(type='SpatialFC', num_tokens=196),
            dict(type='SpatialFC', num_tokens=49),
        ]
    )
)
val_dataloader = dict(dataset=dict(pipeline={{_base_.crop_95_pipeline}}))
test_dataloader = val_dataloader
