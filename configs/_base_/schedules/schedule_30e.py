"""30 epochs at batch size 512 for fine-tuning at a larger size (DeiT, arXiv 2012.12877).

The learning rate is constant, and the weight decay almost zero.
"""

_base_ = 'schedule_310e.py'
optim_wrapper = dict(optimizer=dict(lr=5e-6, weight_decay=1e-8))
param_scheduler = []
train_cfg = dict(max_epochs=30)
