"""PoolFormer-S12 without norms. The paper reports 46.1 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(norm_cfg=None))
