"""Evaluation of the moving average of the weights, as in T2T-ViT (arXiv 2101.11986)."""

_base_ = 'mmpretrain.py'
default_hooks = dict(
    ema=dict(
        type='EMAHook',
        # 4e-5 averages over 25 000 iterations, and earlier in training over a tenth of
        # the iterations so far. Otherwise, a short run would be evaluated with weights
        # close to the initial ones.
        ema_type='MomentumAnnealingEMA',
        momentum=4e-5,
        gamma=10,
        priority='ABOVE_NORMAL',
    )
)
