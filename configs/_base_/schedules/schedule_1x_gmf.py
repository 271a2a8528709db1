"""12 epochs at batch size 16 with AdamW, as in GroupMixFormer's ablations."""

_base_ = ['schedule_1x.py', 'no_weight_decay.py']
optim_wrapper = dict(
    constructor='mmgroupmix.GroupedOptimWrapperConstructor',
    paramwise_cfg={{_base_.no_weight_decay}},
)
