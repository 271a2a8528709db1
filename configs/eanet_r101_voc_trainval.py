"""EANet with ResNet-101 on Pascal VOC, second of two steps. Paper: 84.0 test mIoU."""

_base_ = [
    '_base_/models/eanet.py',
    '_base_/datasets/voc12_trainval.py',
    '_base_/schedules/schedule_45k_sgd.py',
    '_base_/runtimes/mmseg.py',
]
model = dict(
    data_preprocessor=dict(size={{_base_.crop_size}}), backbone=dict(init_cfg=None)
)
# The last checkpoint of eanet_r101_voc.py.
load_from = 'work_dirs/eanet_r101_voc/iter_45000.pth'
# The paper gives no learning rate for this step. HamNet (arXiv 2109.04553), which trains
# in the same two steps, takes a tenth of the first one.
optim_wrapper = dict(optimizer=dict(lr=9e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=15000),
]
train_cfg = dict(max_iters=15000)
