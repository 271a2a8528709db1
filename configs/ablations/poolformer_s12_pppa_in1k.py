"""PoolFormer-S12 with attention in stage 4. Paper: 78.3 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(
    backbone=dict(
        token_mixers=[
            'Pooling',
            'Pooling',
            'Pooling',
            'SelfAttention',
        ],
        norm_cfg=dict(type='LN', eps=1e-5),
        position_embeddings=[None, None, None, (7, 7)],
    )
)
val_dataloader = dict(dataset=dict(pipeline={{_base_.crop_95_pipeline}}))
test_dataloader = val_dataloader
