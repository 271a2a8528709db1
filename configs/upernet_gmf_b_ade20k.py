"""UperNet with GroupMixFormer-B on ADE20K. Paper: 51.2 mIoU."""

_base_ = [
    '_base_/models/upernet_gmf.py',
    '_base_/datasets/ade20k.py',
    '_base_/schedules/schedule_160k.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    backbone=dict(
        arch='b', init_cfg=dict(checkpoint='pretrained/groupmixformer_base.pth')
    ),
    decode_head=dict(in_channels=[200, 240, 320, 480]),
    auxiliary_head=dict(in_channels=320),
)
