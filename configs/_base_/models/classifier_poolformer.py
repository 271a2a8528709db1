"""PoolFormer with a linear classifier, with the width of the S architectures."""

_base_ = 'classifier.py'
model = dict(backbone=dict(type='mmgroupmix.PoolFormer'), head=dict(in_channels=512))
