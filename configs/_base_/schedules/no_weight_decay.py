"""GroupMixFormer's paramwise_cfg: no weight decay for norms, biases and positions."""

no_weight_decay = dict(
    norm_decay_mult=0.0,
    bias_decay_mult=0.0,
    # The position encodings of the blocks and of their attention are convolutions.
    custom_keys=dict(position=dict(decay_mult=0.0)),
)
