"""T2T-ViT-7 with MEA in its blocks: 16 heads, S = 64. The paper reports 68.6 top-1."""

_base_ = '../eamlp_7_in1k.py'
model = dict(backbone=dict(t2t='performer'))
