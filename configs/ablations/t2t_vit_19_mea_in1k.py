"""T2T-ViT-19 with MEA (28 heads) in its blocks. Paper: 79.3 top-1 accuracy."""

_base_ = '../eamlp_19_in1k.py'
model = dict(backbone=dict(t2t='performer'))
# T2T-ViT's own warm-up, twice as long as that of EAMLP.
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], begin=10),
]
