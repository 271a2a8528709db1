"""PoolFormer-S12 with SiLU. Paper: 77.2 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(act_cfg=dict(type='SiLU')))
