"""GroupMixFormer-T: Swin's window attention."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
# Windows of 7x7, shifted in every second block; eight heads as in Group-Mix Attention.
model = dict(
    backbone=dict(
        token_mixers=[
            [dict(type='WindowAttention'), dict(type='WindowAttention', shifted=True)]
        ]
        * 4
    )
)
