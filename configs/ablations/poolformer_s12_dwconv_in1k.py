"""PoolFormer-S12 with depthwise convolutions. The paper reports 78.1 top-1."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers='DepthwiseConv'))
