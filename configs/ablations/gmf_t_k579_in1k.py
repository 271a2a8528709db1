"""GroupMixFormer-T: aggregators of 5x5, 7x7 and 9x9."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
model = dict(backbone=dict(aggregators=dict(kernel_sizes=[5, 7, 9])))
