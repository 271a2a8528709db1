"""300 epochs at batch size 1024 with AdamW, as for GroupMixFormer (arXiv 2311.15157).

Rates are twice those of the published config.py (5e-4, 5e-7 and 5e-6), which belong to
batch size 512. Like Swin's, the schedule advances with every iteration.
"""

_base_ = 'no_weight_decay.py'
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmgroupmix.GroupedOptimWrapperConstructor',
    optimizer=dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05, fused=True
    ),
    paramwise_cfg={{_base_.no_weight_decay}},
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=True,
        begin=0,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        begin=20,
        end=300,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
