"""GroupMixFormer-T: no aggregators but the non-attention branch's."""

# Paper: 81.3 top-1 accuracy.
_base_ = '../gmf_t_in1k.py'
model = dict(backbone=dict(aggregators=dict(kinds='identity')))
