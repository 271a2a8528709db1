"""PoolFormer-S12 without layer scale. The paper gives no figure."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(layer_scale=0))
