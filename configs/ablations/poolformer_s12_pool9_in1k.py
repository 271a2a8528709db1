"""PoolFormer-S12 with 9x9 pooling. Paper: 76.8 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers=dict(type='Pooling', pool_size=9)))
