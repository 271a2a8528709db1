"""PoolFormer-S12 without layer scale. Not reported in the paper."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(layer_scale=0))
