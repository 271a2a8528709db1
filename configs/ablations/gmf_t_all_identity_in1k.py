"""GroupMixFormer-T: all five branches identity."""

# Paper: 80.9 top-1 accuracy.
_base_ = '../gmf_t_in1k.py'
# Without aggregators the block is plain attention: its eight heads share all channels.
model = dict(backbone=dict(aggregators=dict(kinds=['identity'] * 5)))
