"""T2T-ViT-19 with MEA in its blocks: 28 heads. The paper reports 79.3 top-1."""

_base_ = '../eamlp_19_in1k.py'
model = dict(backbone=dict(t2t='performer'))
