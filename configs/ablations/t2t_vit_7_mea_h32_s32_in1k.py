"""T2T-ViT-7 with MEA (32 heads, S = 32) in its blocks. Paper: 70.5 top-1 accuracy."""

_base_ = 't2t_vit_7_mea_h16_s64_in1k.py'
model = dict(
    backbone=dict(
        # The paper counts the heads after the expansion, here by 8: S = 256 / 8.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=8, num_memories=32
        ),
    )
)
