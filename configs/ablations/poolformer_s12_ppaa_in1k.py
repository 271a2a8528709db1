"""PoolFormer-S12 with attention in stages 3 and 4. Paper: 81.0 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(
    backbone=dict(
        token_mixers=[
            'Pooling',
            'Pooling',
            'SelfAttention',
            'SelfAttention',
        ],
        norm_cfg=dict(type='LN', eps=1e-5),
        position_embeddings=[None, None, (14, 14), None],
    )
)
val_dataloader = dict(dataset=dict(pipeline={{_base_.crop_95_pipeline}}))
test_dataloader = val_dataloader
