"""200 epochs, for parts (PCT, arXiv 2012.09688, Section 4.3); else as 250 epochs."""

_base_ = './schedule_250e_pct.py'

param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=1e-4, by_epoch=True, begin=0, end=200)
]
train_cfg = dict(max_epochs=200)
