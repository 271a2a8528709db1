"""Mask R-CNN with GroupMixFormer-T: all five branches identity."""

# Paper: 41.0 box AP, 38.7 mask AP.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_all_identity_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kinds=['identity'] * 5),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_all_identity_in1k/epoch_300.pth'),
    )
)
