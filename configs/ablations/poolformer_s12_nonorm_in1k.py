"""PoolFormer-S12 without normalisation. Paper: 46.1 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(norm_cfg=None))
