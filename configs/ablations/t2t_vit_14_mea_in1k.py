"""T2T-ViT-14 with MEA in its blocks: 24 heads. The paper reports 78.7 top-1."""

_base_ = '../eamlp_14_in1k.py'
model = dict(backbone=dict(t2t='performer'))
