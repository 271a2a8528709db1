"""ShapeNet part, 2048 points, with the augmentation of PCT's classifier.

Source: shapenet_part_seg_hdf5_data.zip, with 14006 shapes for training and validation and
2874 for testing; or shapenetcore_partanno_segmentation_benchmark_v0_normal.zip, whose
shapes have 500 to 3000 points: hence `repeat` and the fixed order of the test.
"""

dataset_type = 'mmgroupmix.ShapeNetPart'
data_root = 'data/shapenet_part_seg_hdf5_data'

train_pipeline = [
    dict(type='mmgroupmix.TakePoints', num_points=2048, order='random', repeat=True),
    dict(type='mmgroupmix.RandomPointDropout', max_ratio=0.875),
    dict(type='mmgroupmix.RandomScalePoints', low=2 / 3, high=3 / 2),
    dict(type='mmgroupmix.RandomShiftPoints', max_shift=0.2),
    dict(type='mmgroupmix.ShufflePoints'),
    dict(type='mmgroupmix.PackPointCloud'),
]
test_pipeline = [
    dict(type='mmgroupmix.TakePoints', num_points=2048, order='fixed', repeat=True),
    dict(type='mmgroupmix.PackPointCloud'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type, data_root=data_root, split='trainval', pipeline=train_pipeline
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

val_evaluator = dict(type='mmgroupmix.PartIoU')
test_evaluator = val_evaluator

# The paper tests at several scales (Section 4.3): tools/test.py --tta.
tta_model = dict(type='mmgroupmix.PointCloudTTAModel')
tta_pipeline = [
    dict(type='mmgroupmix.TakePoints', num_points=2048, order='fixed', repeat=True),
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [
                dict(type='mmgroupmix.ScalePoints', factor=factor)
                for factor in (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)
            ],
            [dict(type='mmgroupmix.PackPointCloud')],
        ],
    ),
]

auto_scale_lr = dict(enable=False, base_batch_size=32)
