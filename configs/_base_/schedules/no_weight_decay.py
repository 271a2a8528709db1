"""No weight decay on norms, biases and position terms: GroupMixFormer's paramwise_cfg."""

no_weight_decay = dict(
    norm_decay_mult=0.0,
    bias_decay_mult=0.0,
    # The position encodings of blocks and of their attention are convolutions.
    custom_keys=dict(position=dict(decay_mult=0.0)),
)
