"""250 epochs at batch size 32 with SGD (PCT, arXiv 2012.09688, Section 4.1).

The learning rate follows a cosine from 0.01 to 1e-4, epoch by epoch.
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=1e-4, by_epoch=True, begin=0, end=250)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=250, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
