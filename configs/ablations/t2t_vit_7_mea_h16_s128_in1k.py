"""T2T-ViT-7 with MEA in its blocks: 16 heads, S = 128. The paper reports 69.9 top-1."""

_base_ = '../eamlp_7_in1k.py'
model = dict(
    backbone=dict(
        t2t='performer',
        # The paper counts heads after the expansion, fourfold by default.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=4, num_memories=128
        ),
    )
)
