"""T2T-ViT-19 with MEA (28 heads) in its blocks. Paper: 79.3 top-1 accuracy."""

_base_ = '../eamlp_19_in1k.py'
model = dict(backbone=dict(t2t='performer'))
