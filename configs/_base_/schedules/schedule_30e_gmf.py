"""30 epochs of fine-tuning at 384x384, as for GroupMixFormer (arXiv 2311.15157).

Rate, warm-up and weight decay are the paper's. It gives neither the batch size, for which
that of the training at 224x224 is taken, nor the end of the cosine, which is 0 here: the
minimum of that training is above this rate.
"""

_base_ = 'schedule_300e_gmf.py'
optim_wrapper = dict(optimizer=dict(lr=2e-6, weight_decay=1e-8))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=5),
    dict(_base_.param_scheduler[1], eta_min=0.0, begin=5, end=30),
]
train_cfg = dict(max_epochs=30)
