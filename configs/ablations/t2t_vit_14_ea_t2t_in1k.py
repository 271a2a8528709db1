"""T2T-ViT-14 with EA in its T2T module. Paper: 81.7 top-1 accuracy."""

_base_ = '../eamlp_14_in1k.py'
model = dict(backbone=dict(token_mixer=dict(type='SelfAttention', head_dim=64)))
