"""T2T-ViT-7 with MEA (1 head, S = 256) in its blocks. Paper: 63.2 top-1 accuracy."""

_base_ = 't2t_vit_7_mea_h16_s64_in1k.py'
model = dict(
    backbone=dict(
        # The paper counts the heads after the expansion, which is off here.
        token_mixer=dict(
            type='MultiHeadExternalAttention', num_heads=1, expansion=1, num_memories=256
        ),
    )
)
