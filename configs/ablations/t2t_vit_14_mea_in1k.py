"""T2T-ViT-14 with MEA (24 heads) in its blocks. Paper: 78.7 top-1 accuracy."""

_base_ = '../eamlp_14_in1k.py'
model = dict(backbone=dict(t2t='performer'))
