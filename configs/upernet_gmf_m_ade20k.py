"""UperNet with GroupMixFormer-M on ADE20K. Not reported in the paper."""

_base_ = [
    '_base_/models/upernet_gmf.py',
    '_base_/datasets/ade20k.py',
    '_base_/schedules/schedule_160k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='m', init_cfg=dict(checkpoint='pretrained/groupmixformer_mobile.pth')
    ),
    decode_head=dict(in_channels=[40, 80, 160, 160]),
    auxiliary_head=dict(in_channels=160),
)
