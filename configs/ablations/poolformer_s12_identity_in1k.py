"""PoolFormer-S12 with identity mappings as token mixers. Paper: 74.3 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers='Identity'))
