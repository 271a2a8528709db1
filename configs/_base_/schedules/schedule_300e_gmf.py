"""300 epochs at batch size 1024 with AdamW, as for GroupMixFormer (arXiv 2311.15157).

Rates are twice those of the published config.py (5e-4, 5e-7 and 5e-6), which belong to
batch size 512. Like Swin's, the schedule advances with every iteration.
"""

_base_ = 'schedule_310e.py'
optim_wrapper = dict(clip_grad=dict(max_norm=5.0))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=20),
    dict(_base_.param_scheduler[1], begin=20, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=300)
