"""T2T-ViT-7 with MEA (16 heads, S = 64) in its blocks. Paper: 68.6 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(backbone=dict(t2t='performer'))
