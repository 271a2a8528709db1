"""EAMLP with a linear classifier on its class token."""

_base_ = 'classifier.py'
model = dict(backbone=dict(_delete_=True, type='mmgroupmix.EAMLP'), neck=None)
