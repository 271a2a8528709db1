"""Mask R-CNN with GroupMixFormer-T: Swin's window attention."""

# The paper's figure is not at hand.
_base_ = 'mask_rcnn_gmf_t_1x_coco.py'
# It starts from the last checkpoint of gmf_t_swin_in1k.py.
model = dict(
    backbone=dict(
        token_mixers=[
            [dict(type='WindowAttention'), dict(type='WindowAttention', shifted=True)]
        ]
        * 4,
        init_cfg=dict(checkpoint='work_dirs/gmf_t_swin_in1k/epoch_300.pth'),
    )
)
