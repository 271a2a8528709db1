"""RetinaNet with GroupMixFormer. An experiment sets its architecture and widths."""

_base_ = 'retinanet.py'
model = dict(
    # Two images per device are too few for batch statistics.
    backbone=dict(type='mmgroupmix.GroupMixFormer', norm_cfg=dict(type='SyncBN'))
)
