"""T2T-ViT-14 with MEA (24 heads) in its blocks. Paper: 78.7 top-1 accuracy."""

_base_ = '../eamlp_14_in1k.py'
model = dict(backbone=dict(t2t='performer'))
# T2T-ViT's own warm-up, twice as long as that of EAMLP.
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], begin=10),
]
