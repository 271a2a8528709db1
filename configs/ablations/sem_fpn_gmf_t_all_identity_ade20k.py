"""Semantic FPN with GroupMixFormer-T: all five branches identity."""

# The paper's figure is not at hand.
_base_ = '../sem_fpn_gmf_t_ade20k.py'
# It starts from the last checkpoint of gmf_t_all_identity_in1k.py.
model = dict(
    backbone=dict(
        aggregators=dict(kinds=['identity'] * 5),
        init_cfg=dict(checkpoint='work_dirs/gmf_t_all_identity_in1k/epoch_300.pth'),
    )
)
