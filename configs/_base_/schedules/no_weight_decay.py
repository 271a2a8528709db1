"""GroupMixFormer's paramwise_cfg: no weight decay for norms, biases and other vectors.

The published optimizer.py exempts no other tensor: convolutions of positions decay.
"""

no_weight_decay = dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0)
