"""T2T-ViT-7 with MEA (16 heads, S = 128) in its blocks. Paper: 69.9 top-1 accuracy."""

_base_ = 't2t_vit_7_mea_h16_s64_in1k.py'
model = dict(
    backbone=dict(
        # The paper counts the heads after the expansion by a factor of 4.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=4, expansion=4, num_memories=128
        ),
    )
)
