"""GroupMixFormer with its own classifier: batch norm, average pooling, linear layer."""

_base_ = 'classifier.py'
model = dict(
    # The published training synchronises all batch norms across its devices.
    backbone=dict(type='mmgroupmix.GroupMixFormer', norm_cfg=dict(type='SyncBN'))
)
