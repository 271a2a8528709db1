"""PoolFormer-S12 with LayerNorm. Paper: 76.5 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(norm_cfg=dict(type='LN', eps=1e-5)))
