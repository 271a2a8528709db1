"""GroupMixFormer-T: aggregators of 3x3, 5x5 and 7x7 only."""

# Paper: 81.9 top-1 accuracy.
_base_ = '../gmf_t_in1k.py'
# The identity of the last branch joins the attention, whose heads share all channels.
model = dict(
    backbone=dict(
        aggregators=dict(kinds=['identity', 'conv', 'conv', 'conv', 'identity'])
    )
)
