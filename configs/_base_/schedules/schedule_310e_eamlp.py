"""310 epochs at batch size 512, as for EAMLP-7 (arXiv 2105.02358, EAMLP_7_384/args.yaml).

This is the only published recipe of EAMLP. Its code is that of T2T-ViT, with a warm-up of
5 epochs instead of 10.
"""

_base_ = 'schedule_310e.py'
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.03),
    paramwise_cfg=dict(custom_keys=dict(cls_token=dict(decay_mult=0.0))),
)
