"""PoolFormer-S12 with layer norms. The paper reports 76.5 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(norm_cfg=dict(type='LN', eps=1e-5)))
