"""Evaluates and keeps a moving average of the weights, as T2T-ViT (arXiv 2101.11986)."""

_base_ = 'mmpretrain.py'
default_hooks = dict(
    ema=dict(
        type='EMAHook',
        # 4e-5 averages over 25 000 iterations; a younger average over a tenth of its age,
        # or a short run would be evaluated on the weights that it began with.
        ema_type='MomentumAnnealingEMA',
        momentum=4e-5,
        gamma=10,
        priority='ABOVE_NORMAL',
    )
)
