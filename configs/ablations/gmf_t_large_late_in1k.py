"""GroupMixFormer-T: large aggregators in the last two stages."""

# The paper's figure is not at hand.
_base_ = '../gmf_t_in1k.py'
# The paper's sizes per stage are not at hand: those of the two other rows, ours.
model = dict(
    backbone=dict(
        aggregators=dict(kernel_sizes=[[3, 5, 7], [3, 5, 7], [5, 7, 9], [5, 7, 9]])
    )
)
