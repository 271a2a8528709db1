"""ADE20K tested at sizes that are multiples of 32 pixels, as for PVT (arXiv 2102.12122).

PVT's published Semantic FPN resizes the test images in this way, keeping their ratio
approximately only. PoolFormer's follows it.
"""

_base_ = 'ade20k.py'
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale={{_base_.scale}}, keep_ratio=True),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
