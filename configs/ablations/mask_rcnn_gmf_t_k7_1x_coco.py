"""Mask R-CNN with GroupMixFormer-T: all aggregators 7x7."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_k7_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kernel_sizes=7),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_k7_in1k/epoch_300.pth'),
    )
)
