"""T2T-ViT-7 with MEA (1 head, S = 256) in its blocks. Paper: 63.2 top-1 accuracy."""

_base_ = '../eamlp_7_in1k.py'
model = dict(
    backbone=dict(
        t2t='performer',
        # The paper counts the heads after the expansion, which is off here.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=1, expansion=1, num_memories=256
        ),
    )
)
