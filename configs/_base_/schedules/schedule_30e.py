"""30 epochs at batch 512 to fine-tune at a larger size, as DeiT does (arXiv 2012.12877).

The rate is constant, and there is next to no weight decay.
"""

_base_ = 'schedule_310e.py'
optim_wrapper = dict(optimizer=dict(lr=5e-6, weight_decay=1e-8))
param_scheduler = []
train_cfg = dict(max_epochs=30)
