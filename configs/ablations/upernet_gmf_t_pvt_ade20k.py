"""UperNet with GroupMixFormer-T: PVT's spatial-reduction attention."""

# The paper's figure is not at hand.
_base_ = '../upernet_gmf_t_ade20k.py'
# It starts from the last checkpoint of gmf_t_pvt_in1k.py.
model = dict(
    backbone=dict(
        token_mixers=[
            dict(type='SpatialReductionAttention', reduction=r) for r in (8, 4, 2, 1)
        ],
        init_cfg=dict(checkpoint='work_dirs/gmf_t_pvt_in1k/epoch_300.pth'),
    )
)
