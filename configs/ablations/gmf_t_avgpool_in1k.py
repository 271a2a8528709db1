"""GroupMixFormer-T: average pooling as aggregators."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
# Poolings replace the whole separable convolution: they have no weights.
model = dict(backbone=dict(aggregators=dict(kinds='avg_pool')))
