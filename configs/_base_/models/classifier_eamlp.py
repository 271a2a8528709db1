"""EAMLP as a classifier, on its class token; arch and width are the experiment's."""

_base_ = 'classifier.py'
model = dict(backbone=dict(_delete_=True, type='mmgroupmix.EAMLP'), neck=None)
