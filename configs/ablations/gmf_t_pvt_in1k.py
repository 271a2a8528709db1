"""GroupMixFormer-T: PVT's spatial-reduction attention."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
# PVT's reductions; eight heads as in Group-Mix Attention.
model = dict(
    backbone=dict(
        token_mixers=[
            dict(type='SpatialReductionAttention', reduction=r) for r in (8, 4, 2, 1)
        ]
    )
)
