"""PoolFormer-S12 without residual connections. Paper: 0.1 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(residual=False))
