"""Evaluation of the moving average of the weights, as in T2T-ViT (arXiv 2101.11986)."""

_base_ = 'mmpretrain.py'
default_hooks = dict(
    # The published decay is 0.99996: the average extends over 25 000 iterations.
    ema=dict(type='EMAHook', momentum=4e-5, priority='ABOVE_NORMAL')
)
