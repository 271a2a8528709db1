"""45k iterations at batch size 16 with SGD, as for EANet on VOC (arXiv 2105.02358).

The published train_torch.py applies weight decay to the weights of convolutions and
memories only, and doubles the learning rate of biases, those of norms included.
"""

_base_ = 'iterations.py'
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmgroupmix.GroupedOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.009, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={'.bias': dict(lr_mult=2.0, decay_mult=0.0)},
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=45000),
]
train_cfg = dict(max_iters=45000, val_interval=3000)
default_hooks = dict(checkpoint=dict(interval=3000))
