"""PoolFormer as a classifier, at the widths of the S sizes; arch is the experiment's."""

_base_ = 'classifier.py'
model = dict(backbone=dict(type='mmgroupmix.PoolFormer'), head=dict(in_channels=512))
