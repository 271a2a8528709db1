"""UperNet with GroupMixFormer-L on ADE20K. Not reported in the paper."""

_base_ = [
    '_base_/models/upernet_gmf.py',
    '_base_/datasets/ade20k.py',
    '_base_/schedules/schedule_160k.py',
    '_base_/runtimes/mmseg.py',
]
# No weights have been released: the file is the last checkpoint of gmf_l_in1k.py.
model = dict(
    backbone=dict(
        arch='l', init_cfg=dict(checkpoint='work_dirs/gmf_l_in1k/epoch_300.pth')
    ),
    decode_head=dict(in_channels=[240, 320, 360, 480]),
    auxiliary_head=dict(in_channels=360),
)
