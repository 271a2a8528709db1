"""ModelNet40, the first 1024 of 2048 points, with the augmentation of PCT's code.

Source: modelnet40_ply_hdf5_2048.zip, with 9843 clouds for training and 2468 for testing.
"""

dataset_type = 'mmgroupmix.ModelNet40'
data_root = 'data/modelnet40_ply_hdf5_2048'

train_pipeline = [
    dict(type='mmgroupmix.TakePoints', num_points=1024),
    dict(type='mmgroupmix.RandomPointDropout', max_ratio=0.875),
    dict(type='mmgroupmix.RandomScalePoints', low=2 / 3, high=3 / 2),
    dict(type='mmgroupmix.RandomShiftPoints', max_shift=0.2),
    dict(type='mmgroupmix.ShufflePoints'),
    dict(type='mmgroupmix.PackPointCloud'),
]
test_pipeline = [
    dict(type='mmgroupmix.TakePoints', num_points=1024),
    dict(type='mmgroupmix.PackPointCloud'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, split='test', pipeline=test_pipeline
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmgroupmix.PointCloudAccuracy')
test_evaluator = val_evaluator

auto_scale_lr = dict(enable=False, base_batch_size=32)
