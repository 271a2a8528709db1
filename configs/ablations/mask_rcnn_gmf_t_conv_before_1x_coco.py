"""Mask R-CNN with GroupMixFormer-T: its convolutions once before plain attention."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_conv_before_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(
            kinds=['identity', 'conv', 'conv', 'conv', 'identity'], aggregate_input=True
        ),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_conv_before_in1k/epoch_300.pth'),
    )
)
