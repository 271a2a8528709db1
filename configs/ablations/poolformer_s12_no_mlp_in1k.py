"""PoolFormer-S12 without channel MLPs. Paper: 5.7 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(mlp_ratios=0))
