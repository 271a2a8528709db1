"""T2T-ViT-7 with EA in its T2T module. Paper: 71.7 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(backbone=dict(token_mixer=dict(type='SelfAttention', head_dim=64)))
# T2T-ViT's own warm-up, twice as long as that of EAMLP.
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], begin=10),
]
