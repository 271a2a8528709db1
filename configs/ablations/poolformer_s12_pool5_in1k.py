"""PoolFormer-S12 with 5x5 pooling. The paper reports 77.2 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers=dict(type='Pooling', pool_size=5)))
