"""45k iterations at batch 16: SGD as EANet on Pascal VOC (arXiv 2105.02358).

Its code decays the weights of convolutions and memories alone, and learns biases twice as
fast (those of norms too, which mmengine leaves at the common rate).
"""

_base_ = 'iterations.py'
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmgroupmix.GroupedOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.009, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, bias_lr_mult=2.0),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=45000),
]
train_cfg = dict(max_iters=45000, val_interval=3000)
default_hooks = dict(checkpoint=dict(interval=3000))
