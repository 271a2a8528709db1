"""FCN with ResNet-50 and EA (S = 64) on VOC. Paper: 77.4 val mIoU."""

_base_ = [
    '../_base_/models/eanet.py',
    '../_base_/datasets/voc12_aug.py',
    '../_base_/schedules/schedule_45k_sgd.py',
    '../_base_/runtimes/mmseg.py',
]
model = dict(
    data_preprocessor=dict(size={{_base_.crop_size}}),
    # Output stride 16, with the multi-grid halved accordingly.
    backbone=dict(
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        multi_grid=(1, 4, 8),
        init_cfg=dict(checkpoint='mmgroupmix://resnet50_v1s'),
    ),
)
# On 4 devices, the total batch size is 12, as in the paper.
train_dataloader = dict(batch_size=3)
auto_scale_lr = dict(base_batch_size=12)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=30000),
]
train_cfg = dict(max_iters=30000)
