"""GroupMixFormer-T: all aggregators 3x3."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
model = dict(backbone=dict(aggregators=dict(kernel_sizes=3)))
