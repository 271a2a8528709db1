"""100 000 steps of the generator, two Adam optimizers at constant rates, no average."""

adam = dict(type='Adam', eps=1e-6, weight_decay=0, fused=True)
optim_wrapper = dict(
    constructor='mmgroupmix.SeparateOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=adam),
    discriminator=dict(type='OptimWrapper', optimizer=adam),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100000, val_interval=2000)
val_cfg = {}
test_cfg = {}
