"""PoolFormer-S12 with no token mixer. The paper reports 74.3 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers='Identity'))
