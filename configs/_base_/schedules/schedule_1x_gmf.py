"""12 epochs at batch size 16 with AdamW, as in GroupMixFormer's ablations.

The published optimizer.py exempts biases and vectors, those of norms, from weight decay.
Convolutions of positions decay.
"""

_base_ = 'schedule_1x.py'
optim_wrapper = dict(
    constructor='mmgroupmix.GroupedOptimWrapperConstructor',
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
