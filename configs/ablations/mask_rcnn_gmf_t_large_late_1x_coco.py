"""Mask R-CNN with GroupMixFormer-T: large aggregators in the last two stages."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_large_late_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kernel_sizes=[[3, 5, 7], [3, 5, 7], [5, 7, 9], [5, 7, 9]]),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_large_late_in1k/epoch_300.pth'),
    )
)
