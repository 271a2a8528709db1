"""36 epochs at batch size 16 with AdamW, as for GroupMixFormer's detectors."""

_base_ = 'schedule_1x_gmf.py'
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=500),
    dict(
        type='MultiStepLR', milestones=[24, 33], gamma=0.1, by_epoch=True, begin=0, end=36
    ),
]
train_cfg = dict(max_epochs=36)
