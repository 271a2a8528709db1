"""T2T-ViT-7 with MEA (16 heads, S = 64) in its blocks. Paper: 68.6 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(backbone=dict(t2t='performer'))
# T2T-ViT's own warm-up, twice as long as that of EAMLP.
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], begin=10),
]
