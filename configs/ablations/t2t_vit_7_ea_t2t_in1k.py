"""T2T-ViT-7 with EA in its T2T module. Paper: 71.7 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(backbone=dict(token_mixer=dict(type='SelfAttention', head_dim=64)))
