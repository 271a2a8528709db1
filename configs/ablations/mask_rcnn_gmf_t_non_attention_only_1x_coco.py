"""Mask R-CNN with GroupMixFormer-T: no aggregators but the non-attention branch's."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_non_attention_only_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kinds='identity'),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_non_attention_only_in1k/epoch_300.pth'),
    )
)
