"""12 epochs at batch 16, mmdetection's 1x, with SGD as ResNets have it there."""

_base_ = 'schedule_1x.py'
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4)
)
