"""310 epochs at batch 512: AdamW, 10 epochs of warm-up, cosine, 10 epochs at its end.

T2T-ViT trains so (arXiv 2101.11986), and the paper of external attention trains its mixes
of T2T-ViT as T2T-ViT (arXiv 2105.02358, Section 4). The numbers are those of T2T-ViT-14,
as mmpretrain reproduces it; 7 and 19 have another rate or decay.
"""

_base_ = 'schedule_300e.py'
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys=dict(cls_token=dict(decay_mult=0.0))),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=10, end=300),
]
train_cfg = dict(max_epochs=310)
