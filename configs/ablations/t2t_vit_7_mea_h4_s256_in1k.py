"""T2T-ViT-7 with MEA in its blocks: 4 heads, S = 256. The paper reports 66.8 top-1."""

_base_ = '../eamlp_7_in1k.py'
model = dict(
    backbone=dict(
        t2t='performer',
        # The paper counts heads after the expansion: here there is none.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=1, num_memories=256
        ),
    )
)
