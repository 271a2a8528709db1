"""GroupMixFormer-T: its convolutions once before plain attention."""

# Paper: 81.5 top-1 accuracy.
_base_ = '../gmf_t_in1k.py'
# The five segments of the block's input are aggregated, then come q, k and v.
model = dict(
    backbone=dict(
        aggregators=dict(
            kinds=['identity', 'conv', 'conv', 'conv', 'identity'], aggregate_input=True
        )
    )
)
