"""PoolFormer-S12 with depthwise convolutions. Paper: 78.1 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(backbone=dict(token_mixers='DepthwiseConv'))
