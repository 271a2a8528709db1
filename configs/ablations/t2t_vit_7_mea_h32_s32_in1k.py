"""T2T-ViT-7 with MEA in its blocks: 32 heads, S = 32. The paper reports 70.5 top-1."""

_base_ = '../eamlp_7_in1k.py'
model = dict(
    backbone=dict(
        t2t='performer',
        # The paper counts heads after the expansion, here eightfold: S = 256 / 8.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=8, num_memories=32
        ),
    )
)
