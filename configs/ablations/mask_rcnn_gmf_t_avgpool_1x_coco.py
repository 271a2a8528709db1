"""Mask R-CNN with GroupMixFormer-T: average pooling as aggregators."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_avgpool_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kinds='avg_pool'),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_avgpool_in1k/epoch_300.pth'),
    )
)
