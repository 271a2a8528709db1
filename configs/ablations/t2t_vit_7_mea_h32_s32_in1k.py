"""T2T-ViT-7 with MEA (32 heads, S = 32) in its blocks. Paper: 70.5 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(
    backbone=dict(
        t2t='performer',
        # The paper counts the heads after the expansion, here by 8: S = 256 / 8.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=8, num_memories=32
        ),
    )
)
