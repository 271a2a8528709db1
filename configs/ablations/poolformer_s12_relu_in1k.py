"""PoolFormer-S12 with ReLU. Paper: 76.4 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(act_cfg=dict(type='ReLU')))
