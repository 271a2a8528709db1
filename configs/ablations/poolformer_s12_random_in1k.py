"""PoolFormer-S12 with frozen random token mixing. Paper: 75.8 top-1 accuracy."""

_base_ = '../poolformer_s12_in1k.py'
model = dict(
    backbone=dict(
        token_mixers=[
            dict(type='RandomMixing', num_tokens=3136),
            dict(type='RandomMixing', num_tokens=784),
            dict(type='RandomMixing', num_tokens=196),
            dict(type='RandomMixing', num_tokens=49),
        ]
    )
)
