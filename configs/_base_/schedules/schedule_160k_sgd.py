"""160k iterations with SGD, mmsegmentation's usual schedule for ResNets."""

_base_ = 'schedule_80k_sgd.py'
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-4, by_epoch=False, begin=0, end=160000),
]
train_cfg = dict(max_iters=160000, val_interval=16000)
default_hooks = dict(checkpoint=dict(interval=16000))
