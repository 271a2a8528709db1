"""310 epochs at batch size 512 with AdamW, as for T2T-ViT (arXiv 2101.11986).

The learning rate is warmed up over 10 epochs, follows a cosine and stays at its minimum
for the last 10 epochs. The paper of external attention trains its variants of T2T-ViT in
the same way (arXiv 2105.02358, Section 4). The values are those of T2T-ViT-14 as
reproduced by mmpretrain. T2T-ViT-7 and 19 have another learning rate or weight decay.
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
