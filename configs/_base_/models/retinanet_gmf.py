"""RetinaNet on GroupMixFormer; arch and widths are the experiment's."""

_base_ = 'retinanet.py'
model = dict(
    # Two images a device are too few for the statistics of a batch.
    backbone=dict(type='mmgroupmix.GroupMixFormer', norm_cfg=dict(type='SyncBN'))
)
