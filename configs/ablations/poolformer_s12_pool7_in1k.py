"""PoolFormer-S12 with 7x7 pooling. Paper: 77.1 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers=dict(type='Pooling', pool_size=7)))
