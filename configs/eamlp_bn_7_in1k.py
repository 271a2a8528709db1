"""EAMLP-7 with batch norms before the MLPs. The paper reports 70.0 top-1."""

_base_ = 'eamlp_7_in1k.py'
model = dict(backbone=dict(mlp_norm_cfg=dict(type='BN')))
# Averaged weights need averaged statistics.
default_hooks = dict(ema=dict(update_buffers=True))
