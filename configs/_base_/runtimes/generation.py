"""Runtime settings of GANs: hooks, logging, sample grids, FID and IS."""

_base_ = 'mmpretrain.py'
# The best of every 2000 steps counts, by FID, the first score of the metric.
default_hooks = dict(
    checkpoint=dict(interval=2000, by_epoch=False, save_best='auto', rule='less'),
    visualization=dict(_delete_=True, type='mmgroupmix.SampleGridHook', interval=2000),
)
# The networks are wrapped one by one for several processes. Their buffers are equal on
# all of them, but for the statistics of batch norms.
model_wrapper_cfg = dict(
    type='MMSeparateDistributedDataParallel',
    broadcast_buffers=False,
    find_unused_parameters=False,
)
log_processor = dict(type='LogProcessor', by_epoch=False)
val_evaluator = dict(
    type='mmgroupmix.GenerationMetric',
    features=dict(
        type='mmgroupmix.InceptionFeatures',
        checkpoint='data/inception/pt_inception-2015-12-05-6726825d.pth',
    ),
)
test_evaluator = val_evaluator
