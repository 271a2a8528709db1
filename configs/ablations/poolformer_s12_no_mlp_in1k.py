"""PoolFormer-S12 without channel MLPs. The paper reports 5.7 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(mlp_ratios=0))
