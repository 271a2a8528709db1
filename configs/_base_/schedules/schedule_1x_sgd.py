"""mmdetection's 1x schedule for ResNets, 12 epochs at batch size 16 with SGD."""

_base_ = 'schedule_1x.py'
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4)
)
